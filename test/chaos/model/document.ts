import { accessOf } from "#core/access/acl.ts";
import { accessHash } from "#core/ingest/hash.ts";
import { type Access, accessKey, mayRead, nobody, type Reader } from "./access.ts";
import type { Machine, Step } from "./linear.ts";

/** One request's content: every put that is not a repeat has a number of its own, which stands in every chunk of its text. */
export interface Content {
  readonly version: number;
  readonly put: number;
}

/** Text that newer content has replaced and that is shown until that is live. */
export interface Older {
  readonly content: Content;
  /** All accesses that were wanted since: each of them has to let a reader in, and the wanted one as well. */
  readonly conditions: readonly Access[];
}

/** What the service has to know of a document. */
export interface DocumentState {
  /** False before the first accepted put. */
  readonly exists: boolean;
  /** The wanted content; `null` when deleted. */
  readonly content: Content | null;
  /** Version of the tombstone. */
  readonly tombstone: number | null;
  readonly access: Access;
  readonly revision: number;
  /** The highest generation that was given out. */
  readonly generation: number;
  /** The access revision when the wanted content was accepted. */
  readonly contentRevision: number;
  readonly older: readonly Older[];
}

/** What a client asks of a document. */
export type DocumentOperation =
  | { readonly kind: "put"; readonly content: Content; readonly access: Access; readonly ifMatch?: number }
  | { readonly kind: "access"; readonly access: Access; readonly ifMatch?: number }
  | { readonly kind: "delete"; readonly version: number };

/** What a writer is told of a document. */
export interface DocumentFacts {
  readonly isDeleted: boolean;
  readonly version: number | null;
  readonly generation: number | null;
  readonly revision: number;
  readonly accessHash: string | null;
}

/** An answer to an operation. */
export type DocumentAnswer =
  | {
      readonly outcome: "created" | "updated" | "unchanged" | "ignored" | "deleted" | "access";
      readonly facts: DocumentFacts;
    }
  | { readonly outcome: "not-found" | "version-conflict" | "revision-mismatch" };

const never: DocumentState = {
  exists: false,
  content: null,
  tombstone: null,
  access: nobody,
  revision: 0,
  generation: 0,
  contentRevision: 0,
  older: [],
};

/** A document as the design promises it, written a second time: content and access with revisions of their own, tombstones, generations. */
export const documentMachine: Machine<DocumentState, DocumentOperation, DocumentAnswer> = {
  initial: never,
  step(state, operation) {
    if (operation.kind === "put") return put(state, operation);
    if (operation.kind === "access") return changeAccess(state, operation);
    return remove(state, operation.version);
  },
  keyOf: (state) =>
    JSON.stringify([
      state.exists,
      state.content,
      state.tombstone,
      accessKey(state.access),
      state.revision,
      state.generation,
      state.contentRevision,
      state.older.map(({ content, conditions }) => [content, conditions.map(accessKey)]),
    ]),
  answerKey: (answer) =>
    JSON.stringify("facts" in answer ? [answer.outcome, factsKey(answer.facts)] : [answer.outcome]),
};

/** Equal for equal facts. */
export const factsKey = ({ isDeleted, version, generation, revision, accessHash: hash }: DocumentFacts): string =>
  JSON.stringify([isDeleted, version, generation, revision, hash]);

/** What a writer has to be told of a state; `undefined` for a document that never was. */
export function factsOf(state: DocumentState): DocumentFacts | undefined {
  const { exists, content, tombstone, access, revision, generation } = state;
  if (!exists) return undefined;
  return {
    isDeleted: content === null,
    version: content?.version ?? tombstone,
    generation: content === null ? null : generation,
    revision,
    accessHash: content === null ? null : hashOf(access),
  };
}

const hashes = new WeakMap<Access, string>();
function hashOf(access: Access): string {
  const known = hashes.get(access) ?? accessHash(accessOf(access.acl, access.labels));
  hashes.set(access, known);
  return known;
}

/**
 * Whether a text may be shown to a reader in a state. Replaced text may until the newer one is live, as far as every access since lets the reader in: an
 * upper bound, because the service keeps what both of two lists grant and not who is in both.
 */
export function mayShow(
  state: DocumentState,
  reader: Reader,
  tenant: string,
  source: string,
  content: Content,
): boolean {
  if (state.content === null || !mayRead(reader, tenant, source, state.access)) return false;
  if (isSame(state.content, content)) return true;
  return state.older.some(
    (older) =>
      isSame(older.content, content) && older.conditions.every((access) => mayRead(reader, tenant, source, access)),
  );
}

/** Whether two are the content of one put. */
export const isSame = (a: Content, b: Content): boolean => a.version === b.version && a.put === b.put;

type Stepped = Step<DocumentState, DocumentAnswer>;

function told(state: DocumentState, outcome: Extract<DocumentAnswer, { facts: unknown }>["outcome"]): Stepped {
  const facts = factsOf(state);
  if (facts === undefined) throw new Error("nothing is known of a document that never was");
  return { state, answer: { outcome, facts } };
}

function put(state: DocumentState, { content, access, ifMatch }: DocumentOperation & { kind: "put" }): Stepped {
  const { content: before, tombstone } = state;
  if (tombstone !== null && content.version <= tombstone) return told(state, "ignored");
  if (before !== null && content.version < before.version) return told(state, "ignored");
  if (before !== null && content.version === before.version) {
    return isSame(before, content) ? told(state, "unchanged") : { state, answer: { outcome: "version-conflict" } };
  }
  if (ifMatch !== undefined && ifMatch !== state.revision) return { state, answer: { outcome: "revision-mismatch" } };
  const moved = before === null ? { ...state, access, revision: state.revision + 1 } : withAccess(state, access);
  const replaced = before === null ? [] : [{ content: before, conditions: [state.access] }];
  const next: DocumentState = {
    ...moved,
    exists: true,
    content,
    tombstone: null,
    generation: state.generation + 1,
    contentRevision: moved.revision,
    older: before === null ? [] : [...moved.older, ...replaced],
  };
  return told(next, before === null ? "created" : "updated");
}

function changeAccess(state: DocumentState, { access, ifMatch }: DocumentOperation & { kind: "access" }): Stepped {
  if (state.content === null) return { state, answer: { outcome: "not-found" } };
  if (ifMatch !== undefined && ifMatch !== state.revision) return { state, answer: { outcome: "revision-mismatch" } };
  return told(withAccess(state, access), "access");
}

function remove(state: DocumentState, version: number): Stepped {
  if (!state.exists) return { state, answer: { outcome: "not-found" } };
  const known = state.content?.version ?? state.tombstone ?? -1;
  if (version < known) return told(state, "ignored");
  if (state.content === null && version === state.tombstone) return told(state, "unchanged");
  return told({ ...withAccess(state, nobody), content: null, tombstone: version, older: [] }, "deleted");
}

function withAccess(state: DocumentState, access: Access): DocumentState {
  if (accessKey(access) === accessKey(state.access)) return state;
  const older = state.older.map(({ content, conditions }) => ({ content, conditions: [...conditions, state.access] }));
  return { ...state, access, revision: state.revision + 1, older };
}
