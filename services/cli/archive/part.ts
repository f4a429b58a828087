import { createHash, type Hash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { z } from "zod";
import { type ArchivedDocument, readArchived, stateOf } from "#core/archive/archived-document.ts";
import { compareKeys, type DocumentKey } from "#core/document.ts";
import { CommandError, printable } from "../terminal.ts";
import { reading, sha256Of, sha256Pattern, writeWhole } from "./files.ts";

const mebibyte = 1024 * 1024;

/**
 * Bounds of one part: bytes of its text, and documents. An export begins a new part before either is passed, and an import reads nothing larger, so
 * that both need the text of one part at a time and no more.
 */
export const partBounds = { bytes: 32 * mebibyte, documents: 10_000 } as const;

/** Bounds of a part. Smaller ones than {@link partBounds} make more parts. */
export interface PartBounds {
  readonly bytes: number;
  readonly documents: number;
}

/** Longest line, bytes: a body with every byte as a JSON escape is 12 MiB, the longest access list and the rest less than 3 MiB. */
export const lineBytes = 16 * mebibyte;

/** Part files, finished or not. Nothing else in an archive has such a name. */
export const partFile = /^documents-\d{6,}\.jsonl\.zst$/;

const count = z.int().nonnegative();
const sha256 = z.string().regex(sha256Pattern);

/** Entry of one part in a manifest. */
export const partSchema = z.strictObject({
  file: z.string().regex(partFile),
  documents: count,
  tombstones: count,
  bodyBytes: count,
  sha256,
  state: sha256,
  through: z.strictObject({ tenant: z.string(), source: z.string(), id: z.string() }),
});
/**
 * One part, as the manifest knows it. Counts are of this part alone; `bodyBytes` of its bodies as UTF-8; `sha256` is of the file, `state` of the
 * states of its documents in their order (see {@link StateHash}). It holds the documents behind `through` of the part before, as far as its own `through`.
 */
export type Part = z.infer<typeof partSchema>;

/** The states of a row of documents in one hash: equal for the same documents in the same states. */
export class StateHash {
  readonly #hash: Hash = createHash("sha256");

  add(record: ArchivedDocument["record"]): void {
    this.#hash.update(stateOf(record));
  }

  digest(): string {
    return this.#hash.digest("hex");
  }
}

/** A part that is being put together. */
export class PartDraft {
  readonly #bounds: PartBounds;
  readonly #lines: Buffer[] = [];
  readonly #state = new StateHash();
  #bytes = 0;
  #bodyBytes = 0;
  #tombstones = 0;
  #through: DocumentKey | undefined;

  constructor(bounds: PartBounds) {
    this.#bounds = bounds;
  }

  /** How many documents are in it. */
  get documents(): number {
    return this.#lines.length;
  }

  /**
   * Adds the next document in the order of keys. False, and nothing is done, when it belongs into the next part.
   * @throws CommandError when the document is larger than any that can be accepted
   */
  add(document: ArchivedDocument): boolean {
    const line = Buffer.from(`${JSON.stringify(document)}\n`);
    const { key } = document.record;
    if (line.length > lineBytes)
      throw new CommandError(`${nameOf(key)}: ${line.length} bytes of JSON; an archive takes ${lineBytes}`);
    const { bytes, documents } = this.#bounds;
    if (this.documents > 0 && (this.#bytes + line.length > bytes || this.documents >= documents)) return false;
    this.#lines.push(line);
    this.#bytes += line.length;
    this.#state.add(document.record);
    this.#through = key;
    if (document.body === null) this.#tombstones += 1;
    else this.#bodyBytes += Buffer.byteLength(document.body);
    return true;
  }

  /** Writes it as a whole and gives its entry for the manifest; `undefined` without a document. To be called once. */
  write(folder: string, number: number): Part | undefined {
    if (this.#through === undefined) return undefined;
    const file = `documents-${String(number).padStart(6, "0")}.jsonl.zst`;
    const bytes = zstdCompressSync(Buffer.concat(this.#lines));
    writeWhole(join(folder, file), bytes);
    const { tenant, source, id } = this.#through;
    return {
      file,
      documents: this.documents,
      tombstones: this.#tombstones,
      bodyBytes: this.#bodyBytes,
      sha256: sha256Of(bytes),
      state: this.#state.digest(),
      through: { tenant, source, id },
    };
  }
}

/** Whether the file of a part is there as it was written. */
export function isIntact(folder: string, part: Part): boolean {
  const path = join(folder, part.file);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  return sha256Of(reading(path, () => readFileSync(path))) === part.sha256;
}

/**
 * Reads one part, a document at a time, and holds it against its entry: hash, counts, order, and every document's own hash. The last of it is
 * checked after the last document.
 * @throws CommandError that names file and line
 */
export function* readPart(folder: string, part: Part): Generator<ArchivedDocument, void> {
  const path = join(folder, part.file);
  const text = textOf(path, part);
  const state = new StateHash();
  const found = { documents: 0, tombstones: 0, bodyBytes: 0 };
  let before: DocumentKey | undefined;
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf(10, from);
    const to = end === -1 ? text.length : end;
    const place = `${path}:${found.documents + 1}`;
    if (to - from > lineBytes) throw new CommandError(`${place}: longer than ${lineBytes} bytes`);
    const document = reading(place, () => readArchived(JSON.parse(text.toString("utf8", from, to))));
    const { key } = document.record;
    if (before !== undefined && compareKeys(before, key) >= 0)
      throw new CommandError(`${place}: ${nameOf(key)} is out of order`);
    before = key;
    state.add(document.record);
    found.documents += 1;
    if (document.body === null) found.tombstones += 1;
    else found.bodyBytes += Buffer.byteLength(document.body);
    yield document;
    from = to + 1;
  }
  for (const name of ["documents", "tombstones", "bodyBytes"] as const) {
    if (found[name] !== part[name]) throw new CommandError(`${path}: ${found[name]} ${name} instead of ${part[name]}`);
  }
  if (before === undefined || compareKeys(before, part.through) !== 0 || state.digest() !== part.state)
    throw new CommandError(`${path}: its documents are not those of the manifest`);
}

/** The text of a part, whose hash and size are right. */
function textOf(path: string, part: Part): Buffer {
  const { bytes: largest } = partBounds;
  const tooLarge = () => new CommandError(`${path}: more than ${largest} bytes of text, which no export writes`);
  const size = reading(path, () => statSync(path).size);
  // What cannot be compressed grows by less.
  if (size > largest + mebibyte) throw tooLarge();
  const bytes = reading(path, () => readFileSync(path));
  if (sha256Of(bytes) !== part.sha256)
    throw new CommandError(`${path}: not the file that was exported (SHA-256 differs)`);
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: largest });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") throw tooLarge();
    return reading(path, () => {
      throw error;
    });
  }
}

function nameOf({ tenant, source, id }: DocumentKey): string {
  return printable(`${tenant} ${source}/${id}`);
}
