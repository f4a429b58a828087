import { inflateRawSync } from "node:zlib";

/** The f32 tensors of a safetensors file by name; other types are left out. */
export type Tensors = ReadonlyMap<string, Float32Array>;

/**
 * Reads a safetensors file: eight bytes of header length, a JSON header, then the data.
 * @throws Error when it is not one
 */
export function readSafetensors(file: Buffer): Tensors {
  const headerLength = Number(file.readBigUInt64LE(0));
  const header: unknown = JSON.parse(file.toString("utf8", 8, 8 + headerLength));
  if (typeof header !== "object" || header === null) throw new Error("not a safetensors file");
  const tensors = new Map<string, Float32Array>();
  for (const [name, entry] of Object.entries(header as Record<string, { dtype?: string; data_offsets?: number[] }>)) {
    const [start, end] = entry.data_offsets ?? [];
    if (entry.dtype !== "F32" || start === undefined || end === undefined) continue;
    const data = file.subarray(8 + headerLength + start, 8 + headerLength + end);
    // Copied, because the data need not be aligned in the file.
    tensors.set(name, new Float32Array(Uint8Array.from(data).buffer));
  }
  return tensors;
}

/**
 * One file of a ZIP archive (a wheel is one), found by its central directory; stored or deflated, no ZIP64.
 * @throws Error when there is none of that name
 */
export function readZipEntry(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0) throw new Error("not a ZIP archive");
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extraLength] = [archive.readUInt16LE(at + 28), archive.readUInt16LE(at + 30)];
    if (archive.toString("utf8", at + 46, at + 46 + nameLength) === name) {
      const local = archive.readUInt32LE(at + 42);
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const data = archive.subarray(start, start + archive.readUInt32LE(at + 20));
      return archive.readUInt16LE(at + 10) === 0 ? data : inflateRawSync(data);
    }
    at += 46 + nameLength + extraLength + archive.readUInt16LE(at + 32);
  }
  throw new Error(`no ${name} in the archive`);
}
