import type { Access } from "./access/acl.ts";
import type { Quality } from "./trust/quality.ts";

/** Names one document. Two tenants may use the same source and id. */
export interface DocumentKey {
  readonly tenant: string;
  readonly source: string;
  readonly id: string;
}

/** Names one source of one tenant. */
export type SourceKey = Pick<DocumentKey, "tenant" | "source">;

/** One string per key, for maps: length-prefixed, so that no id can pose as another. */
export function keyString(key: DocumentKey): string {
  return `${key.tenant.length}:${key.tenant}${key.source.length}:${key.source}${key.id}`;
}

/**
 * A fixed total order over documents by source, then id, in code units. Ties in every ranking are broken by it, never by an
 * insertion order, which hidden documents could move.
 */
export function compareKeys(a: DocumentKey, b: DocumentKey): number {
  if (a.tenant !== b.tenant) return a.tenant < b.tenant ? -1 : 1;
  if (a.source !== b.source) return a.source < b.source ? -1 : 1;
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return 0;
}

/** Formats that the parser reads. */
export const contentTypes = ["text/plain", "text/markdown", "text/html"] as const;
export type ContentType = (typeof contentTypes)[number];

/** Everything about a document's content but its body: it changes only with the content version. */
export interface ContentInfo {
  /** The source's content version: 0 … 2^53−1, growing. */
  readonly version: number;
  readonly title: string;
  readonly url: string | null;
  readonly contentType: ContentType;
  readonly quality: Quality;
}

/** The content that the source wants to be searchable. */
export interface WantedContent extends ContentInfo {
  /** SHA-256 (hex) over body, type, title, url and quality. */
  readonly contentHash: string;
  /** SHA-256 (hex) over the whole accepted request, its access included: tells a repeat from a conflict. */
  readonly requestHash: string;
  /** Ours, one per accepted content; never used twice for a document, not even after a delete. */
  readonly generation: number;
  /** ISO 8601, UTC. */
  readonly acceptedAt: string;
}

/** What is searchable now under one embedding fingerprint. */
export interface LiveGeneration extends ContentInfo {
  readonly generation: number;
  readonly chunkCount: number;
  /**
   * The access in force for this very content: the one that it was published with, or a later access change made while it
   * was the wanted content; narrowed by every access that was wanted and changed again while newer content waited. New, wider
   * rights that came with newer content never open this text, and what was taken away meanwhile stays away.
   */
  readonly access: Access;
  readonly publishedAt: string;
  /** The access revision of the copy in an index that keeps one, 0 when the index was found without it; absent where none does. */
  readonly indexedAccess?: number;
}

/** Why a document's wanted content is not searchable. `code` is stable, `message` is for a person. */
export interface IndexFailure {
  readonly generation: number;
  readonly code: "unreadable-body" | "not-html" | "no-text" | "too-many-chunks" | "indexing-failed";
  readonly message: string;
  readonly failedAt: string;
}

/** The ledger's record of a document: the only authority about it. */
export interface DocumentRecord {
  readonly key: DocumentKey;
  /** Absent once deleted. */
  readonly wanted?: WantedContent;
  /** The access that the source wants now. */
  readonly access: Access;
  /** Grows by one with every change of access; survives a delete. */
  readonly accessRevision: number;
  /** By embedding fingerprint. Empty before the first publish and after a delete. */
  readonly live: Readonly<Record<string, LiveGeneration>>;
  /** The highest generation ever given out for this document; survives a delete. */
  readonly lastGeneration: number;
  readonly tombstone?: { readonly version: number; readonly deletedAt: string };
  readonly failure?: IndexFailure;
}
