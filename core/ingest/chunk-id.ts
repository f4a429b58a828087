import { createHash } from "node:crypto";
import type { DocumentKey } from "../document.ts";

/** Namespace of all chunk ids; a constant of the project, drawn at random once. */
const namespace = Buffer.from("8c1f0b52d7a94f6e9d3b6a4e21c75f08", "hex");

/**
 * The id of a chunk: UUIDv5 (RFC 9562, section 5.5) over length-prefixed tenant, source, document, generation and chunk number.
 * The same chunk of the same generation has the same id wherever it is written, so that writing twice is harmless.
 */
export function chunkIdOf(key: DocumentKey, generation: number, chunk: number): string {
  const hash = createHash("sha1").update(namespace);
  for (const part of [key.tenant, key.source, key.id, String(generation), String(chunk)]) {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
