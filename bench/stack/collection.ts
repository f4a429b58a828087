import type { Access, AccessToken } from "#core/access/acl.ts";
import type { DocumentKey } from "#core/document.ts";
import { chunksOfParsed } from "#core/ingest/indexed-chunks.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { IndexedChunk } from "#core/ports/index.ts";
import { parseDocument } from "#core/text/parse.ts";
import { noQuality } from "#test/kit/documents.ts";
import { testPolicy } from "#test/kit/policy-folder.ts";
import { random } from "../index/random.ts";
import { bodyOf } from "../retrieve/corpus.ts";

/** Shares of the collection that a caller may read, by the group that the caller is in. */
export const shares = [
  { percent: 0.1, group: "one-in-1000" },
  { percent: 1, group: "one-in-100" },
  { percent: 10, group: "one-in-10" },
  { percent: 100, group: "all" },
] as const;

/** The policy folder of the tests, in which all of those groups may read what the access lists let them. */
export const benchPolicy: Readonly<Record<string, string>> = {
  ...testPolicy,
  "policy.csv": [
    testPolicy["policy.csv"]?.trimEnd(),
    ...shares.map(({ group }) => `g, group:${group}, role:reader, one`),
    "",
  ].join("\n"),
};

export function keyAt(document: number): DocumentKey {
  return { tenant: "one", source: "open", id: `document-${document}` };
}

/** The first of a hundred documents is for a group of its own for the tenth of a per cent: a small collection has one, too. */
export function accessAt(document: number): Access {
  const place = random(document * 2 + 1)();
  const grants = shares
    .filter(({ percent }) => place < percent / 100 || document === 0)
    .map(({ group }): AccessToken => `group:${group}`);
  return { grants: grants.toSorted(), denies: [], labels: [] };
}

/** What the worker would make of a document, as its first generation. */
export function contentAt(document: number) {
  const content = {
    version: 1,
    title: `Document ${document}`,
    url: null,
    contentType: "text/markdown" as const,
    quality: noQuality,
  };
  return { key: keyAt(document), content: { ...content, generation: 1 }, body: bodyOf(document) };
}

/** Its chunks, embedded by the given encoder. */
export async function chunksAt(document: number, embedder: Embedder): Promise<readonly IndexedChunk[]> {
  const { key, content, body } = contentAt(document);
  return chunksOfParsed({ key, content, parsed: parseDocument(body, content.contentType) }, embedder, {});
}
