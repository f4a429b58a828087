import { createHash } from "node:crypto";
import type { Access } from "../access/acl.ts";
import type { ContentInfo, SourceKey } from "../document.ts";

/**
 * SHA-256 (hex) over parts, each length-prefixed in UTF-8 bytes, so that no two lists of parts hash alike by concatenation.
 */
export function hashParts(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("hex");
}

/**
 * The content hash of a document: body, type, title, url and quality; not the version, not the access. The indexer and
 * `reticent sync` compute the same one.
 */
export function contentHash(info: Omit<ContentInfo, "version">, body: string): string {
  const { authority, reviewState, updatedAt, expiresAt, owner, supersedes } = info.quality;
  const quality = JSON.stringify([
    authority,
    reviewState,
    updatedAt,
    expiresAt,
    owner,
    supersedes.map((item) => [item.source, item.id]),
  ]);
  return hashParts([info.contentType, info.title, info.url ?? "", String(info.url === null), quality, body]);
}

/** The hash of a document's canonical access: access list and labels. */
export function accessHash(access: Access): string {
  return hashParts([JSON.stringify(access.grants), JSON.stringify(access.denies), JSON.stringify(access.labels)]);
}

/** The hash of a whole accepted request: tells the repeat of a version from a conflict. */
export function requestHash(content: string, access: string): string {
  return hashParts([content, access]);
}

/**
 * Names what is embedded of a chunk. Tenant, source and fingerprint are part of it: equal texts of two sources have nothing in common, so
 * that whoever writes into one cannot find out by the time it takes what another one holds.
 * @param input from `embeddingInput`
 */
export function embeddingKey({ tenant, source }: SourceKey, fingerprint: string, input: string): string {
  return hashParts([tenant, source, fingerprint, input]);
}
