import type { Access } from "../access/acl.ts";
import type { VisibilityFilter } from "../access/visible.ts";
import type { ContentInfo, DocumentKey, DocumentRecord, IndexFailure } from "../document.ts";

/** An accepted document, ready to be committed. */
export interface PutDocument extends ContentInfo {
  readonly key: DocumentKey;
  readonly body: string;
  readonly contentHash: string;
  readonly requestHash: string;
  readonly access: Access;
  /** False when the caller may write content but not share: the command then fails with `forbidden` if access would change. */
  readonly mayShare: boolean;
  /** The access revision that the caller expects, from If-Match; absent = none expected. */
  readonly expectedAccessRevision?: number;
}

/**
 * `created` and `updated` were committed; `unchanged` is a repeat of the accepted version; `ignored` is an older version than the
 * accepted or deleted one.
 */
export interface PutResult {
  readonly outcome: "created" | "updated" | "unchanged" | "ignored";
  readonly record: DocumentRecord;
}

export interface PutAccess {
  readonly key: DocumentKey;
  readonly access: Access;
  readonly expectedAccessRevision?: number;
}

export interface DeleteDocument {
  readonly key: DocumentKey;
  /** Deletes every content up to this version; an older one than the accepted is ignored. */
  readonly version: number;
}

export interface DeleteResult {
  readonly outcome: "deleted" | "unchanged" | "ignored";
  readonly record: DocumentRecord;
}

/** A generation in the index of one fingerprint. */
export interface GenerationRef {
  readonly key: DocumentKey;
  readonly generation: number;
  readonly fingerprint: string;
}

export interface PublishGeneration extends GenerationRef {
  /** The two revisions that the worker read: the publish is a compare-and-set on both. */
  readonly contentVersion: number;
  readonly accessRevision: number;
  readonly chunkCount: number;
  /** True when the index carries a copy of the access of `accessRevision` already: noted as {@link Ledger.indexedAccess} does. */
  readonly accessPlaced?: boolean;
}

/** Which documents {@link Ledger.list} gives. `lagging`: the wanted generation is neither live nor failed. */
export type ListState = "stored" | "failed" | "lagging";

export interface ListQuery {
  readonly tenant: string;
  readonly source?: string;
  readonly state: ListState;
  /** With `lagging`: the fingerprint that must be live. */
  readonly fingerprint: string;
  /** The last key of the page before, exclusive, in the order of `compareKeys`. */
  readonly after?: { readonly source: string; readonly id: string };
  /** 1 … limits.pageSize. */
  readonly limit: number;
}

/**
 * The only authority about documents, with the content store beside it. Every accepted write is durable when its promise
 * resolves. Any failure of the store is an AppError `ledger-unavailable`.
 *
 * What a request asks carries the request's signal: once it is aborted nothing further is asked of the store, which is `deadline-exceeded` and no
 * failure of it. A write that was sent by then may have been done.
 */
export interface Ledger {
  /**
   * Commits content and access together.
   * - version older than the accepted one, or not newer than a tombstone: `ignored`;
   * - same version and same request hash: `unchanged` (also when the access was changed since: a repeat never restores it);
   * - same version, other request: throws `version-conflict`;
   * - otherwise a new generation; access that differs from the wanted access raises the access revision.
   * @throws AppError `version-conflict`, `revision-mismatch`, `forbidden`, `ledger-unavailable`
   */
  putDocument(command: PutDocument, signal?: AbortSignal): Promise<PutResult>;
  /**
   * Commits access alone; takes effect for live content at its commit when that content is the wanted one.
   * The same access again changes nothing and keeps the revision.
   * @throws AppError `not-found`, `revision-mismatch`, `ledger-unavailable`
   */
  putAccess(command: PutAccess, signal?: AbortSignal): Promise<DocumentRecord>;
  /** Leaves a tombstone, erases the body and retires every generation. @throws AppError `not-found` when it never existed. */
  deleteDocument(command: DeleteDocument, signal?: AbortSignal): Promise<DeleteResult>;

  /** Records in the order of the keys; the batch of the re-check. */
  read(keys: readonly DocumentKey[], signal?: AbortSignal): Promise<readonly (DocumentRecord | undefined)[]>;
  /**
   * Records whose live content (of the fingerprint) names one of the keys in `quality.supersedes` and that the filter selects;
   * each once, in the order of `compareKeys`. Hidden ones are left out before a record is read, so that nobody can slow down other
   * people's questions with documents that they do not see. Whether a record counts is still the re-check's business.
   */
  replacements(
    keys: readonly DocumentKey[],
    fingerprint: string,
    visibility: VisibilityFilter,
    signal?: AbortSignal,
  ): Promise<readonly DocumentRecord[]>;
  /** The accepted body of a generation, or `undefined` once superseded or deleted. */
  readBody(key: DocumentKey, generation: number): Promise<string | undefined>;
  /** One page in the order of `compareKeys`. Tombstones are part of `stored`. */
  list(query: ListQuery, signal?: AbortSignal): Promise<readonly DocumentRecord[]>;
  /**
   * Documents of all tenants whose wanted generation is neither live nor failed, oldest acceptance first. With `copies`, also those,
   * failed ones among them, whose live generation's noted copy of access is older than the wanted access: for an index that keeps copies.
   */
  lagging(fingerprint: string, limit: number, copies?: boolean): Promise<readonly DocumentKey[]>;

  /**
   * Notes, before any write to the index, that a generation is being written; one that was retired is taken back. False when it is not
   * the wanted one any more, and while it is handed out to be erased: what is written now would be erased, too.
   */
  announce(generation: GenerationRef): Promise<boolean>;
  /**
   * Makes a generation live in one compare-and-set. `stale`: the wanted content moved on, or was deleted, or the generation is not announced (any
   * more): it was retired with its fingerprint, and what was written of it may have been erased. `access-moved`: the
   * access revision did, read again and publish again. Retires the generation that was live.
   */
  publish(generation: PublishGeneration): Promise<"published" | "stale" | "access-moved">;
  /**
   * Notes which access revision the index's copy of a live generation carries. A lower revision than the noted one, and a generation that is not
   * live, are no news.
   */
  indexedAccess(generation: GenerationRef, accessRevision: number): Promise<void>;
  /**
   * Notes that the index was found not to hold a live generation whole: {@link lagging} with `copies` gives it until it is published again. Of a
   * generation that is not live it is no news.
   */
  lostByIndex(generation: GenerationRef): Promise<void>;
  /** Records that a wanted generation cannot be indexed. Ignored when it is not the wanted one any more. */
  fail(key: DocumentKey, failure: IndexFailure): Promise<void>;
  /**
   * Hands out generations to be erased: retired before an instant (ms since epoch), announced ones that never became live and are not
   * wanted among them. A late worker's stale publish of one takes it back, so that it is handed out, and erased, again.
   */
  collectable(before: number, limit: number): Promise<readonly GenerationRef[]>;
  /** Forgets a generation that was handed out, after the index has erased it. */
  collected(generation: GenerationRef): Promise<void>;

  /**
   * The fingerprint that questions search, one per deployment; `undefined` until {@link activate} named the first. It changes by
   * {@link activate} alone.
   */
  activeFingerprint(): Promise<string | undefined>;
  /**
   * Makes `to` the active fingerprint if `from` still is (`undefined`: none was named yet). Whether `to` lacks a document is the caller's
   * to ask, of {@link lagging}, before: what is accepted in between is live under `to` with what it replaces.
   * @returns false when another one is active; also true when `to` already was and `from` is `to`
   */
  activate(from: string | undefined, to: string): Promise<boolean>;
  /** How many documents of a tenant {@link lagging} could name. */
  countLagging(fingerprint: string, tenant: string): Promise<number>;
  /**
   * Retires the generations, announced ones included, of fingerprints that are neither kept nor active, of at most `limit` documents. The
   * documents are not live under them any more; {@link collectable} hands the generations out.
   * @returns the number of documents; less than `limit` when nothing of other fingerprints is left
   */
  retireOthers(keep: readonly string[], limit: number): Promise<number>;

  /** Disables or enables a user or agent at once. */
  setDisabled(tenant: string, principal: string, disabled: boolean, signal?: AbortSignal): Promise<void>;
  /** Those of the principals that are disabled. */
  disabledAmong(tenant: string, principals: readonly string[], signal?: AbortSignal): Promise<readonly string[]>;

  close(): Promise<void>;
}
