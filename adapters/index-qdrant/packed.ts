/** What a hit needs of its chunk, in one string: the server reads and writes a point's payload as a whole, and each value of it at a price. */
interface PackedChunk {
  /** 0-based position in the document. */
  readonly chunk: number;
  /** Number of analysed terms. */
  readonly termCount: number;
  /** How often the chunk holds what each dimension stands for, each at least once. */
  readonly frequencies: ReadonlyMap<number, number>;
}

/** A dimension (32 bits) and a frequency (16 bits), little-endian. */
const entryBytes = 6;
const highest = 2 ** 16 - 1;

/** `chunk,termCount,entries in base64`, the entries by ascending dimension. @throws RangeError for a frequency beyond 65,535 */
export function pack({ chunk, termCount, frequencies }: PackedChunk): string {
  const entries = Buffer.alloc(frequencies.size * entryBytes);
  let at = 0;
  for (const [dimension, frequency] of [...frequencies].toSorted(([a], [b]) => a - b)) {
    if (!(frequency >= 1 && frequency <= highest)) throw new RangeError(`a chunk holds a term ${frequency} times`);
    entries.writeUInt32LE(dimension, at);
    entries.writeUInt16LE(frequency, at + 4);
    at += entryBytes;
  }
  return `${chunk},${termCount},${entries.toString("base64")}`;
}

/** A chunk whose frequencies are looked up one by one. */
interface UnpackedChunk {
  readonly chunk: number;
  readonly termCount: number;
  /** How often the chunk holds what a dimension stands for; 0 for one that it does not hold. */
  readonly frequencyOf: (dimension: number) => number;
}

const head = /^(\d{1,9}),(\d{1,9}),/;

/** The inverse of {@link pack}. @throws Error for what that never gave */
export function unpack(packed: string): UnpackedChunk {
  const [prefix, chunk, termCount] = head.exec(packed) ?? [];
  if (prefix === undefined) throw new Error("a chunk without its position and length");
  const entries = Buffer.from(packed.slice(prefix.length), "base64");
  if (entries.length % entryBytes !== 0) throw new Error("frequencies that are no whole number of entries");
  return {
    chunk: Number(chunk),
    termCount: Number(termCount),
    frequencyOf: (dimension) => lookUp(entries, dimension),
  };
}

function lookUp(entries: Buffer, dimension: number): number {
  let low = 0;
  let high = entries.length / entryBytes;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = entries.readUInt32LE(middle * entryBytes);
    if (found === dimension) return entries.readUInt16LE(middle * entryBytes + 4);
    if (found < dimension) low = middle + 1;
    else high = middle;
  }
  return 0;
}
