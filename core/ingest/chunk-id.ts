import { hash } from "node:crypto";
import type { DocumentKey } from "../document.ts";

/** Namespace of all chunk ids; a constant of the project, drawn at random once. */
const namespace = Buffer.from("8c1f0b52d7a94f6e9d3b6a4e21c75f08", "hex");

/**
 * The id of a chunk: UUIDv5 (RFC 9562, section 5.5) over length-prefixed tenant, source, document, generation and chunk number.
 * The same chunk of the same generation has the same id wherever it is written, so that writing twice is harmless.
 */
export function chunkIdOf(key: DocumentKey, generation: number, chunk: number): string {
  const name = [key.tenant, key.source, key.id, String(generation), String(chunk)]
    .map((part) => `${Buffer.byteLength(part)}:${part}`)
    .join("");
  // In one call and as text: the re-check computes one for every hit.
  const hex = hash("sha1", Buffer.concat([namespace, Buffer.from(name)]), "hex");
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
