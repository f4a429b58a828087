import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { openPolicy, type WatchedPolicy } from "#adapters/policy-casbin/policy.ts";
import { openTraceStore } from "#adapters/trace-sqlite/store.ts";
import { type AclEntry, accessOf } from "#core/access/acl.ts";
import type { Caller } from "#core/access/principal.ts";
import type { IsVisible } from "#core/access/visible.ts";
import type { ContentType, DocumentKey } from "#core/document.ts";
import { documentChanges } from "#core/ingest/changes.ts";
import { accessHash, contentHash, requestHash } from "#core/ingest/hash.ts";
import { makeWorker } from "#core/ingest/worker.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { type Recheck, recheck } from "#core/retrieval/recheck.ts";
import { retrieveRequestSchema } from "#core/retrieval/request.ts";
import { type RetrieveResponse, retrieveResponseSchema } from "#core/retrieval/response.ts";
import { makeRetrieve } from "#core/retrieval/retrieve.ts";
import { type QualityInput, qualityOf } from "#core/trust/quality.ts";
import { policyFolder } from "./policy-folder.ts";
import { embedded, type Stack } from "./stacks.ts";

/** A document as a test writes it; what is left out is harmless. */
export interface TestDocument {
  readonly tenant?: string;
  readonly source?: string;
  readonly id: string;
  readonly version?: number;
  readonly title?: string;
  readonly body: string;
  readonly contentType?: ContentType;
  readonly acl?: readonly AclEntry[];
  readonly labels?: readonly string[];
  readonly quality?: QualityInput;
}

export interface WorldOptions {
  readonly policy?: WatchedPolicy;
  /** What stands behind the ports; absent = everything embedded. */
  readonly stack?: Stack;
  /** Guards, and adapters that misbehave: only tests can put something else here. */
  readonly isVisible?: IsVisible;
  readonly recheck?: Recheck;
  /** Another index than the stack's. Closed with the world. */
  readonly index?: VectorIndex;
  readonly wrapIndex?: (index: VectorIndex) => VectorIndex;
  readonly wrapLedger?: (ledger: Ledger) => Ledger;
}

/** Real ledger, index, encoder, worker and retrieval, without HTTP and without a queue: each step is the test's. */
export interface World {
  readonly ledger: Ledger;
  readonly index: VectorIndex;
  readonly fingerprint: string;
  readonly policy: WatchedPolicy;
  /** Commits a document without indexing it. */
  accept(document: TestDocument): Promise<DocumentKey>;
  /** Runs the worker on a document. */
  work(key: DocumentKey): Promise<void>;
  /** Commits and indexes. */
  put(document: TestDocument): Promise<DocumentKey>;
  /** Commits an access list. An index that keeps a copy hears of it at the next {@link World.work}. */
  share(key: DocumentKey, acl: readonly AclEntry[], labels?: readonly string[]): Promise<void>;
  remove(key: DocumentKey, version: number): Promise<void>;
  ask(caller: Caller, query: string, options?: object): Promise<RetrieveResponse>;
  /** ms since the epoch; starts at 2026-01-01 and stands still unless moved. */
  now: number;
  close(): Promise<void>;
}

export const everyone: AclEntry = { access_type: "grant", type: "everyone" };
export const grant = (type: "user" | "group", value: string): AclEntry => ({ access_type: "grant", type, value });
export const deny = (type: "user" | "group", value: string): AclEntry => ({ access_type: "deny", type, value });

/** A caller of tenant `one` in the given groups. */
export function callerOf(user: string, groups: readonly string[], extra: Partial<Caller> = {}): Caller {
  return {
    tenant: "one",
    user: `user:${user}`,
    groups: groups.map((name) => `group:${name}` as const),
    actors: [],
    ...extra,
  };
}

/** Opens the test policy once; close it when all worlds on it are closed. */
export async function openTestPolicy(files?: Readonly<Record<string, string>>): Promise<WatchedPolicy> {
  const folder = policyFolder(files);
  const policy = await openPolicy({ dir: folder.dir, pollMs: 0, rejectedMaxAgeMs: 1e12, clock: Date.now, settleMs: 0 });
  return {
    ...policy,
    close: async () => {
      await policy.close();
      folder.remove();
    },
  };
}

/** Opens an empty world. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const policy = options.policy ?? (await openTestPolicy());
  const { stack = embedded } = options;
  const clock = () => world.now;
  const embedder = hashedEmbedder();
  const place = stack.place();
  const store = await stack.open(place, {
    clock,
    ...(options.isVisible === undefined ? {} : { isVisible: options.isVisible }),
  });
  const ownIndex = options.index ?? store.index;
  const ledger = options.wrapLedger?.(store.ledger) ?? store.ledger;
  const index = options.wrapIndex?.(ownIndex) ?? ownIndex;
  const traces = openTraceStore({
    file: ":memory:",
    clock,
    retention: { maxAgeMs: 1e12, maxCount: 1e6 },
    flushMs: 1e9,
  });
  const work = makeWorker({ ledger, index, embedder, clock, changes: documentChanges() });
  const retrieve = makeRetrieve({
    policy,
    embedder: () => embedder,
    index,
    ledger,
    recheck: options.recheck ?? recheck,
    traces,
    clock,
  });

  const accept = async (document: TestDocument): Promise<DocumentKey> => {
    const key = { tenant: document.tenant ?? "one", source: document.source ?? "open", id: document.id };
    const access = accessOf(document.acl ?? [everyone], document.labels ?? []);
    const info = {
      version: document.version ?? 1,
      title: document.title ?? document.id,
      url: null,
      contentType: document.contentType ?? ("text/plain" as const),
      quality: qualityOf(document.quality ?? {}, key.source),
    };
    const content = contentHash(info, document.body);
    await ledger.putDocument({
      key,
      ...info,
      body: document.body,
      contentHash: content,
      requestHash: requestHash(content, accessHash(access)),
      access,
      mayShare: true,
    });
    return key;
  };

  const world: World = {
    ledger,
    index,
    policy,
    fingerprint: embedder.model.fingerprint,
    accept,
    work,
    async put(document) {
      const key = await accept(document);
      await work(key);
      return key;
    },
    async share(key, acl, labels = []) {
      await ledger.putAccess({ key, access: accessOf(acl, labels) });
    },
    async remove(key, version) {
      await ledger.deleteDocument({ key, version });
    },
    async ask(caller, query, extra = {}) {
      return retrieveResponseSchema.parse(
        await retrieve(caller, retrieveRequestSchema.parse({ query, ...extra }), undefined),
      );
    },
    now: Date.UTC(2026, 0, 1),
    async close() {
      await traces.close();
      await options.index?.close();
      await store.close();
      await stack.erase(place);
      if (options.policy === undefined) await policy.close();
    },
  };
  return world;
}

/** A response without what differs between two equal ones: the random id. (Responses hold no time of their own.) */
export function comparable(response: RetrieveResponse): string {
  return JSON.stringify({ ...response, id: "ret_" });
}
