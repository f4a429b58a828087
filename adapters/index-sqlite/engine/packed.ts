import type { IndexedChunk } from "#core/ports/index.ts";

/** What the lexical half keeps of a chunk. */
export type LexicalChunk = Pick<IndexedChunk, "chunk" | "chunkId" | "terms" | "termCount">;

/** Starts the bytes of a term that UTF-8 cannot say; never the first byte of UTF-8. */
const notUtf8 = 0xff;

/**
 * A term as bytes, different for different terms: UTF-8, and UTF-16 behind a mark for one with half a surrogate pair, which UTF-8 would
 * turn into the same sign as any other half.
 */
export function termBytes(term: string): Uint8Array {
  return term.isWellFormed()
    ? Buffer.from(term, "utf8")
    : Buffer.concat([Uint8Array.of(notUtf8), Buffer.from(term, "utf16le")]);
}

/**
 * The lexical side of a generation in one compact run of bytes, as stored and as handed to the engine. Numbers are LEB128; per chunk:
 * number, id, length in terms, count of distinct terms, then each term's bytes and frequency.
 */
export function pack(chunks: readonly LexicalChunk[]): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  for (const chunk of chunks) {
    writer.number(chunk.chunk);
    writer.bytes(Buffer.from(chunk.chunkId, "utf8"));
    writer.number(chunk.termCount);
    writer.number(chunk.terms.size);
    for (const [term, frequency] of chunk.terms) {
      writer.bytes(termBytes(term));
      writer.number(frequency);
    }
  }
  return writer.done();
}

/** Who takes what {@link unpack} reads, in the order of the bytes. */
export interface Unpacked {
  chunk(number: number, chunkId: string, termCount: number): void;
  /** A term of the last chunk: its bytes lie in `bytes` from `start` to `end`. */
  term(bytes: Uint8Array, start: number, end: number, frequency: number): void;
}

/** Reads what {@link pack} wrote, without a string or an object per term. @throws Error when the bytes are not of that form */
export function unpack(packed: Uint8Array, to: Unpacked): void {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  let at = 0;
  const number = (): number => {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("packed terms end too early");
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) break;
      unit *= 0x80;
    }
    if (!Number.isSafeInteger(value)) throw new Error("packed terms hold a number that is too large");
    return value;
  };
  const skip = (): number => {
    const length = number();
    at += length;
    if (at > bytes.length) throw new Error("packed terms end too early");
    return at - length;
  };
  while (at < bytes.length) {
    const chunk = number();
    const id = skip();
    const chunkId = bytes.toString("utf8", id, at);
    to.chunk(chunk, chunkId, number());
    for (let rest = number(); rest > 0; rest--) {
      const start = skip();
      const end = at;
      to.term(bytes, start, end, number());
    }
  }
}

class Writer {
  #bytes = new Uint8Array(1024);
  #used = 0;

  number(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#used++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#used++] = rest;
  }

  bytes(value: Uint8Array): void {
    this.number(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#used);
    this.#used += value.length;
  }

  done(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#used);
  }

  #reserve(more: number): void {
    if (this.#used + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#used + more, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
