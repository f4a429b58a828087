import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { z } from "zod";
import { type ArchivedDocument, readArchived } from "#core/archive/archived-document.ts";
import { limits } from "#core/limits.ts";
import { CommandError } from "../terminal.ts";

/**
 * An archive is a folder: parts of JSON lines, one archived document each, compressed with zstd, and a manifest with the count and
 * SHA-256 of every part. The manifest of an export that was interrupted has another name, and says where it goes on.
 */
export const archiveFormat = "reticent-archive";
/** Changes with every change of what a part or a manifest holds. */
export const archiveVersion = 1;

/** Largest part as text; its documents are read into memory together. */
const largestPartBytes = 512 * 1024 * 1024;

const count = z.int().nonnegative();
const partSchema = z.strictObject({
  file: z.string().regex(/^documents-\d{6}\.jsonl\.zst$/),
  documents: count,
  tombstones: count,
  bodyBytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
/** One part, as the manifest knows it. Counts are of this part alone; `bodyBytes` of its bodies as UTF-8. */
export type Part = z.infer<typeof partSchema>;

const manifestSchema = z.strictObject({
  format: z.literal(archiveFormat),
  version: z.literal(archiveVersion),
  createdAt: z.iso.datetime(),
  /** Order of the export; also what of it is done. */
  tenants: z.array(z.string()),
  parts: z.array(partSchema),
  disabled: z.array(z.strictObject({ tenant: z.string(), principal: z.string().max(limits.principalChars + 8) })),
  /** The last document that is in a part; absent in a whole archive and before the first. */
  after: z.strictObject({ tenant: z.string(), source: z.string(), id: z.string() }).optional(),
});
/** What stands beside the parts. */
export type Manifest = z.infer<typeof manifestSchema>;

/** The manifest of a whole archive, and of one that is not whole yet. */
const names = { whole: "manifest.json", partial: "manifest.partial.json" } as const;

/** Where the manifest of an archive lies. */
export function manifestFile(folder: string, state: keyof typeof names): string {
  return join(folder, names[state]);
}

/** Writes one part as a whole and gives its entry for the manifest. */
export function writePart(folder: string, number: number, documents: readonly ArchivedDocument[]): Part {
  const file = `documents-${String(number).padStart(6, "0")}.jsonl.zst`;
  const bytes = zstdCompressSync(documents.map((document) => `${JSON.stringify(document)}\n`).join(""));
  writeWhole(join(folder, file), bytes);
  const bodies = documents.flatMap(({ body }) => (body === null ? [] : [body]));
  return {
    file,
    documents: documents.length,
    tombstones: documents.length - bodies.length,
    bodyBytes: bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0),
    sha256: hashOf(bytes),
  };
}

/**
 * Reads one part and holds it against its entry: hash, counts, and every document's own hash.
 * @throws CommandError that names file and line
 */
export function readPart(folder: string, part: Part): readonly ArchivedDocument[] {
  const path = join(folder, part.file);
  const bytes = reading(path, () => readFileSync(path));
  if (hashOf(bytes) !== part.sha256)
    throw new CommandError(`${path}: not the file that was exported (SHA-256 differs)`);
  const text = reading(path, () => zstdDecompressSync(bytes, { maxOutputLength: largestPartBytes })).toString();
  const documents = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line, at) => reading(`${path}:${at + 1}`, () => readArchived(JSON.parse(line))));
  if (documents.length !== part.documents)
    throw new CommandError(`${path}: ${documents.length} documents instead of ${part.documents}`);
  return documents;
}

/** Writes the manifest as a whole. */
export function writeManifest(folder: string, state: keyof typeof names, manifest: Manifest): void {
  writeWhole(manifestFile(folder, state), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** @throws CommandError when it is not a manifest of this version */
export function readManifest(folder: string, state: keyof typeof names): Manifest {
  const path = manifestFile(folder, state);
  const value: unknown = reading(path, () => JSON.parse(readFileSync(path, "utf8")));
  const read = manifestSchema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new CommandError(
    `${path}: not a manifest of version ${archiveVersion} (${issue?.path.join(".")}: ${issue?.message})`,
  );
}

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Under another name first: a file of that name is whole. */
function writeWhole(path: string, content: string | Uint8Array): void {
  const draft = `${path}.draft`;
  writeFileSync(draft, content, { mode: 0o600, flush: true });
  renameSync(draft, path);
}

function reading<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new CommandError(`${place}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
