import type { z } from "zod";
import { accessOf } from "#core/access/acl.ts";
import { AppError } from "#core/errors.ts";
import { accessHash, contentHash } from "#core/ingest/hash.ts";
import { limits } from "#core/limits.ts";
import { qualityOf } from "#core/trust/quality.ts";
import type { FrontMatterClaim } from "#core/trust/trust-policy.ts";
import { checkDocumentId } from "#services/http/document-id.ts";
import { putDocumentSchema } from "#services/indexer/schemas.ts";
import { inheritDocument, type Layer } from "./inherit.ts";
import { folderFileName, issueText, MetadataError, parseFrontMatter, splitFrontMatter } from "./metadata.ts";
import { titleOf } from "./title.ts";
import { type FoundFile, readRegularFile } from "./walk.ts";

/** What the service says about the source that is synchronised. */
export interface SourceRules {
  readonly source: string;
  readonly claims: ReadonlySet<FrontMatterClaim>;
  /** Labels that the policy folder declares. */
  readonly labels: ReadonlySet<string>;
}

/**
 * Where a document's date comes from when neither its front matter nor a folder states one: `stated`: nowhere, it has none;
 * `mtime`: its file's last change, which every copy, checkout and `touch` moves.
 */
export type Dates = "stated" | "mtime";

/** A file as it is sent: the body of the request but its version, and the two hashes that decide whether it is sent. */
export interface PreparedDocument {
  readonly kind: "document";
  readonly id: string;
  readonly request: Omit<z.output<typeof putDocumentSchema>, "version">;
  readonly contentHash: string;
  readonly accessHash: string;
  /** No date is sent: the document is stale wherever its source has an age limit. */
  readonly undated: boolean;
  readonly warnings: readonly string[];
}

/** A file that must not be sent, and why. */
export interface RefusedFile {
  readonly kind: "refused";
  readonly id: string;
  readonly reason: string;
}

/** Reads a file, takes its access and quality together, and computes its hashes exactly as the indexer does. */
export async function prepare(
  file: FoundFile,
  rules: SourceRules,
  dates: Dates,
): Promise<PreparedDocument | RefusedFile> {
  const { id } = file;
  try {
    if (file.refusal !== undefined) throw new MetadataError(file.refusal);
    const { text, modifiedAt } = await readRegularFile(file.path, limits.bodyBytes, "bodyBytes");
    const { yaml, body } = splitFrontMatter(text);
    const frontMatter = yaml === undefined ? undefined : parseFrontMatter(yaml);
    const own: Layer | undefined = frontMatter && { file: id, statement: frontMatter };
    const { acl, labels, quality, warnings } = inheritDocument(file.folders, own, rules.claims);
    if (acl === undefined) {
      throw new MetadataError(`no access list: state grants in a ${folderFileName} of its folder or one above`);
    }
    const undeclared = labels.find((label) => !rules.labels.has(label));
    if (undeclared !== undefined) throw new MetadataError(`label ${undeclared} is not declared in the policy folder`);
    const date = quality.updated_at ?? (dates === "mtime" ? modifiedAt.toISOString() : undefined);
    const parsed = putDocumentSchema.omit({ version: true }).safeParse({
      title: frontMatter?.title ?? titleOf(id, file.contentType, body),
      url: frontMatter?.url ?? null,
      content_type: file.contentType,
      body,
      acl,
      labels,
      quality: { ...quality, ...(date === undefined ? {} : { updated_at: date }) },
    });
    if (!parsed.success) throw new MetadataError(issueText(parsed.error));
    for (const item of quality.supersedes ?? [])
      checkDocumentId(typeof item === "string" ? item : item.id, "supersedes");
    const undated = date === undefined;
    return { kind: "document", id, request: parsed.data, ...hashesOf(parsed.data, rules.source), undated, warnings };
  } catch (error) {
    if (error instanceof MetadataError || error instanceof AppError)
      return { kind: "refused", id, reason: error.message };
    throw error;
  }
}

function hashesOf(request: PreparedDocument["request"], source: string): { contentHash: string; accessHash: string } {
  const info = {
    title: request.title,
    url: request.url ?? null,
    contentType: request.content_type,
    quality: qualityOf(request.quality, source),
  };
  return {
    contentHash: contentHash(info, request.body),
    accessHash: accessHash(accessOf(request.acl, request.labels)),
  };
}
