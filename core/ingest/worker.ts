import { nobody } from "../access/acl.ts";
import type { DocumentKey, DocumentRecord, IndexFailure, WantedContent } from "../document.ts";
import { TextRefused } from "../embedding/text-refused.ts";
import { AppError, problems } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Embedder } from "../ports/embedder.ts";
import type { VectorIndex } from "../ports/index.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { WakeUpHandler } from "../ports/queue.ts";
import { ParseError } from "../text/parse-error.ts";
import type { DocumentChanges } from "./changes.ts";
import { indexedChunks } from "./indexed-chunks.ts";
import { lostCopy } from "./transitions.ts";

/** What a worker works on. */
export interface WorkerParts {
  readonly ledger: Ledger;
  readonly index: VectorIndex;
  readonly embedder: Embedder;
  readonly clock: Clock;
  /** Told whenever a document has become searchable or has failed. */
  readonly changes: DocumentChanges;
  /** How often a publish follows an access list that keeps changing, before the queue is to try later; ≥ 1. */
  readonly publishAttempts?: number;
}

/** A try that failed for a reason that may pass; it names what failed, because only that may be given up for it. */
export class IndexingError extends Error {
  readonly generation: number;
  readonly fingerprint: string;

  constructor(generation: number, fingerprint: string, cause: unknown) {
    super(`generation ${generation} could not be indexed: ${messageOf(cause)}`, { cause });
    this.name = "IndexingError";
    this.generation = generation;
    this.fingerprint = fingerprint;
  }
}

/**
 * Brings one document's index, and the copy of its access there, to what the ledger wants. Everything is read from the ledger, so a wake-up may come twice, late or
 * for nothing; whoever is overtaken by newer content stops quietly. A failed document is tried again when woken.
 * @returns a handler that rejects, with {@link IndexingError} for content, when it is worth another try
 */
export function makeWorker(parts: WorkerParts): WakeUpHandler {
  const { fingerprint } = parts.embedder.model;
  return async (key) => {
    const [record] = await parts.ledger.read([key]);
    if (record === undefined) return;
    const { wanted } = record;
    if (wanted === undefined) {
      // What is left of it goes when it is collected; until then nothing of it should be in anybody's search.
      await parts.index.withdraw?.(key, record.lastGeneration + 1, fingerprint);
      return;
    }
    // First, also when newer content waits: encoding takes its time, and the change may take rights away. A trouble with it is
    // worth another try, and never a reason to call live content failed.
    const isWhole = await bringCopy(parts, record);
    if (isWhole && record.live[fingerprint]?.generation === wanted.generation) return;
    try {
      await bring(parts, record, wanted);
    } catch (error) {
      if (!(error instanceof ParseError)) throw new IndexingError(wanted.generation, fingerprint, error);
      // Trying again would find the same bytes.
      await fail(parts, key, wanted.generation, error.code, error.message);
    }
  };
}

/**
 * Ends the tries of the queue: the generation that could not be indexed is marked `failed`, for everybody to see. Newer content,
 * accepted meanwhile, is left alone. Only what the active fingerprint lacks is given up: a document that failed counts as done for a change
 * of the model, so trouble with the new one must never end its documents. An outage (of a remote encoder, say) ends none at all, because it
 * says nothing about them: they stay wanted, and the reconciler wakes them again.
 * @param parts `active` absent: every fingerprint counts as active
 */
export function giveUp(
  parts: Pick<WorkerParts, "ledger" | "clock" | "changes"> & { readonly active?: () => string },
): (key: DocumentKey, error: unknown) => Promise<void> {
  return async (key, error) => {
    // Without a generation not even the ledger could be read: the reconciler comes back to it.
    if (!(error instanceof IndexingError) || isOutage(error.cause)) return;
    if (parts.active !== undefined && parts.active() !== error.fingerprint) return;
    await fail(parts, key, error.generation, "indexing-failed", messageOf(error.cause));
  };
}

/**
 * Places the wanted access on the live generation, in an index that keeps a copy, if what is noted of it is older.
 * @returns false when the index does not hold the live generation any more
 */
async function bringCopy(parts: WorkerParts, record: DocumentRecord): Promise<boolean> {
  const { ledger, index, embedder } = parts;
  const { fingerprint } = embedder.model;
  const live = record.live[fingerprint];
  if (index.placeAccess === undefined || live === undefined) return true;
  if (live.indexedAccess === record.accessRevision) return true;
  if (live.indexedAccess === lostCopy) return false;
  const { key, accessRevision } = record;
  const { generation, chunkCount } = live;
  const isWanted = generation === record.wanted?.generation;
  // Older text stays under its own access as well: see `readableChecks.liveAccess`.
  const access = isWanted ? ([record.access] as const) : ([record.access, live.access] as const);
  const ref = { key, generation, fingerprint, chunkCount };
  if (!(await index.placeAccess(ref, access, accessRevision))) return false;
  await ledger.indexedAccess(ref, accessRevision);
  return true;
}

async function bring(parts: WorkerParts, record: DocumentRecord, wanted: WantedContent): Promise<void> {
  const { ledger, index, embedder, changes } = parts;
  const { key } = record;
  const { generation } = wanted;
  const { fingerprint } = embedder.model;
  const body = await ledger.readBody(key, generation);
  if (body === undefined) {
    // Newer content, or a delete, has taken its place. Otherwise what was accepted is lost: that has to be seen.
    const [now] = await ledger.read([key]);
    if (now?.wanted?.generation === generation) throw new Error("the store does not hold the accepted text");
    return;
  }
  const chunks = await indexedChunks({ key, content: wanted, body }, embedder, index);
  // As late as possible: between this and the end of the write, nothing else is slow.
  if (!(await ledger.announce({ key, generation, fingerprint }))) return;
  await index.write({ key, generation, fingerprint, chunks, quality: wanted.quality });
  if (!(await publish(parts, record, wanted, chunks.length))) return;
  await index.withdraw?.(key, generation, fingerprint);
  changes.changed(key);
}

/** @returns false when newer content has come, or the document went */
async function publish(
  { ledger, index, embedder, publishAttempts = 5 }: WorkerParts,
  record: DocumentRecord,
  wanted: WantedContent,
  chunkCount: number,
): Promise<boolean> {
  const { key } = record;
  const { fingerprint } = embedder.model;
  const ref = { key, generation: wanted.generation, fingerprint, chunkCount };
  let { access, accessRevision } = record;
  for (let attempt = 0; attempt < publishAttempts; attempt += 1) {
    // Before the publish, so that what is live is at any time in searches; the re-check leaves out what is not live yet.
    const isPlaced = await index.placeAccess?.(ref, [access], accessRevision);
    if (isPlaced === false) throw new Error("the index does not hold what was just written");
    const publication = { ...ref, contentVersion: wanted.version, accessRevision };
    const outcome = await ledger.publish(isPlaced === true ? { ...publication, accessPlaced: true } : publication);
    if (outcome === "published") return true;
    const [now] = await ledger.read([key]);
    if (outcome === "stale") {
      // Never to become live, it should be in no search either. What is live already may be published again in vain, and what is still wanted
      // may go live when its model, which was given up meanwhile, comes back: nobody's access could not be taken from it again.
      const isUsed = [now?.live[fingerprint], now?.wanted].some((one) => one?.generation === ref.generation);
      if (!isUsed) await index.placeAccess?.(ref, [nobody], limits.version);
      return false;
    }
    // What is not there any more is stale; the ledger has to hear of the publish, so that it knows what to collect.
    ({ access, accessRevision } = now ?? { access, accessRevision });
  }
  throw new Error(`the access list changed during ${publishAttempts} attempts to publish`);
}

async function fail(
  { ledger, clock, changes }: Pick<WorkerParts, "ledger" | "clock" | "changes">,
  key: DocumentKey,
  generation: number,
  code: IndexFailure["code"],
  message: string,
): Promise<void> {
  await ledger.fail(key, { generation, code, message, failedAt: new Date(clock()).toISOString() });
  changes.changed(key);
}

function isOutage(error: unknown): boolean {
  return error instanceof AppError && problems[error.code].status === 503 && !(error instanceof TextRefused);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
