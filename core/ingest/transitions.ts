import { type Access, nobody, sameAccess } from "../access/acl.ts";
import type { ArchivedDocument } from "../archive/archived-document.ts";
import type { DocumentRecord, IndexFailure, LiveGeneration, WantedContent } from "../document.ts";
import { AppError } from "../errors.ts";
import type {
  DeleteDocument,
  DeleteResult,
  GenerationRef,
  PublishGeneration,
  PutAccess,
  PutDocument,
  PutResult,
} from "../ports/ledger.ts";
import { narrowed } from "./narrowed.ts";

/**
 * The rules by which a document's record changes, free of any store: every ledger applies them inside its own transaction.
 * A result that holds the record given to it, the same object, means that nothing is to be written.
 */

/**
 * A document comes in: see {@link PutResult} for the outcomes. A repeat or an older version is decided before the expected
 * revision is looked at, so that a client may send the same request again after a lost answer.
 * @param at when, ISO 8601 in UTC
 * @throws AppError `version-conflict`, `revision-mismatch`, `forbidden`
 */
export function afterPut(record: DocumentRecord | undefined, command: PutDocument, at: string): PutResult {
  const wanted = record?.wanted;
  if (record?.tombstone !== undefined && command.version <= record.tombstone.version) {
    return { outcome: "ignored", record };
  }
  if (record !== undefined && wanted !== undefined) {
    if (command.version < wanted.version) return { outcome: "ignored", record };
    if (command.version === wanted.version) {
      if (command.requestHash === wanted.requestHash) return { outcome: "unchanged", record };
      throw new AppError("version-conflict");
    }
  }
  checkRevision(record, command.expectedAccessRevision);
  // What does not exist has no access yet: making it sets one, even the empty one.
  const setsAccess = wanted === undefined || record === undefined || !sameAccess(record.access, command.access);
  if (setsAccess && !command.mayShare) {
    throw new AppError("forbidden", { detail: "setting a document's access needs the right to share" });
  }
  const generation = (record?.lastGeneration ?? 0) + 1;
  const next: WantedContent = {
    version: command.version,
    title: command.title,
    url: command.url,
    contentType: command.contentType,
    quality: command.quality,
    contentHash: command.contentHash,
    requestHash: command.requestHash,
    generation,
    acceptedAt: at,
  };
  const base: DocumentRecord = record ?? {
    key: command.key,
    access: nobody,
    accessRevision: 0,
    live: {},
    lastGeneration: 0,
  };
  const moved = withAccess(base, command.access, generation, wanted === undefined);
  const { tombstone: _tombstone, failure: _failure, ...kept } = moved;
  return {
    outcome: wanted === undefined ? "created" : "updated",
    record: { ...kept, wanted: next, lastGeneration: generation },
  };
}

/**
 * Access comes in alone.
 * @throws AppError `not-found` (also when deleted), `revision-mismatch`
 */
export function afterAccess(record: DocumentRecord | undefined, command: PutAccess): DocumentRecord {
  if (record?.wanted === undefined) throw new AppError("not-found");
  checkRevision(record, command.expectedAccessRevision);
  if (sameAccess(record.access, command.access)) return record;
  return withAccess(record, command.access, record.wanted.generation, false);
}

/**
 * A document goes: what is left is the tombstone, the revisions and the last generation. Deleting again with a newer version
 * moves the tombstone up, so that versions in between stay out.
 * @throws AppError `not-found` when it never existed
 */
export function afterDelete(record: DocumentRecord | undefined, command: DeleteDocument, at: string): DeleteResult {
  if (record === undefined) throw new AppError("not-found");
  const { wanted, tombstone } = record;
  const version = wanted?.version ?? tombstone?.version;
  if (version !== undefined && command.version < version) return { outcome: "ignored", record };
  if (tombstone !== undefined && command.version === tombstone.version) return { outcome: "unchanged", record };
  const { wanted: _wanted, failure: _failure, ...kept } = withAccess(record, nobody, 0, false);
  return {
    outcome: "deleted",
    record: { ...kept, live: {}, tombstone: { version: command.version, deletedAt: tombstone?.deletedAt ?? at } },
  };
}

/**
 * A generation wants to go live: the compare-and-set on content and access.
 * @returns the record to keep, or why not
 */
export function afterPublish(
  record: DocumentRecord | undefined,
  publish: PublishGeneration,
  at: string,
): DocumentRecord | "stale" | "access-moved" {
  const wanted = record?.wanted;
  if (record === undefined || wanted === undefined) return "stale";
  if (wanted.generation !== publish.generation || wanted.version !== publish.contentVersion) return "stale";
  if (record.accessRevision !== publish.accessRevision) return "access-moved";
  const { failure: _failure, ...kept } = record;
  // A repeat of what is live changes nothing, but proves a failure wrong, and may know of a newer copy of the access.
  const isLive = record.live[publish.fingerprint]?.generation === publish.generation;
  if (isLive) {
    const noted = publish.accessPlaced === true ? afterIndexedAccess(kept, publish, publish.accessRevision) : kept;
    return record.failure === undefined && noted === kept ? record : noted;
  }
  const live: LiveGeneration = {
    version: wanted.version,
    title: wanted.title,
    url: wanted.url,
    contentType: wanted.contentType,
    quality: wanted.quality,
    generation: wanted.generation,
    chunkCount: publish.chunkCount,
    access: record.access,
    publishedAt: at,
    ...(publish.accessPlaced === true ? { indexedAccess: publish.accessRevision } : {}),
  };
  return { ...kept, live: { ...record.live, [publish.fingerprint]: live } };
}

/** What is noted of a copy that the index has lost: lower than every access revision, which begin at 1. */
export const lostCopy = 0;

/** The index's copy of a live generation carries this access revision now; a lower one than the noted is no news. */
export function afterIndexedAccess(
  record: DocumentRecord,
  { fingerprint, generation }: GenerationRef,
  accessRevision: number,
): DocumentRecord {
  const live = record.live[fingerprint];
  if (live?.generation !== generation || (live.indexedAccess ?? -1) >= accessRevision) return record;
  return { ...record, live: { ...record.live, [fingerprint]: { ...live, indexedAccess: accessRevision } } };
}

/** The fingerprints under which a document is not live any more, and whether it was the wanted generation that went. */
export function goneFrom(
  before: DocumentRecord | undefined,
  after: DocumentRecord,
): readonly { readonly fingerprint: string; readonly isWanted: boolean }[] {
  return Object.entries(before?.live ?? {})
    .filter(([fingerprint]) => after.live[fingerprint] === undefined)
    .map(([fingerprint, { generation }]) => ({ fingerprint, isWanted: generation === after.wanted?.generation }));
}

/** The index does not hold a live generation whole: its copy counts as older than any, so that it is brought anew. */
export function afterLoss(record: DocumentRecord, { fingerprint, generation }: GenerationRef): DocumentRecord {
  const live = record.live[fingerprint];
  if (live?.generation !== generation || live.indexedAccess === lostCopy) return record;
  return { ...record, live: { ...record.live, [fingerprint]: { ...live, indexedAccess: lostCopy } } };
}

/**
 * Whether the noted copy of access is older than the wanted access. Where no copy was ever noted, the index keeps none.
 */
export function copyLags({ accessRevision }: DocumentRecord, live: LiveGeneration): boolean {
  return live.indexedAccess !== undefined && live.indexedAccess < accessRevision;
}

/** Only the given fingerprints go on; a document is not live under any other. */
export function afterRetire(record: DocumentRecord, keep: ReadonlySet<string>): DocumentRecord {
  const kept = Object.entries(record.live).filter(([fingerprint]) => keep.has(fingerprint));
  return kept.length === Object.keys(record.live).length ? record : { ...record, live: Object.fromEntries(kept) };
}

/**
 * A document comes back from an archive, as it was.
 * @returns the record to keep; the one given when it is there already exactly so
 * @throws AppError `version-conflict` when another state of the document is there
 */
export function afterRestore(record: DocumentRecord | undefined, archived: ArchivedDocument["record"]): DocumentRecord {
  if (record === undefined) return { ...archived, live: {} };
  const isSame =
    record.accessRevision === archived.accessRevision &&
    record.lastGeneration === archived.lastGeneration &&
    record.wanted?.requestHash === archived.wanted?.requestHash &&
    record.wanted?.version === archived.wanted?.version &&
    record.tombstone?.version === archived.tombstone?.version &&
    sameAccess(record.access, archived.access);
  if (!isSame) throw new AppError("version-conflict", { detail: "another state of this document is stored already" });
  return record;
}

/**
 * The wanted generation cannot be indexed; of any other generation it is no news. What was live and is lost to the index can then not be brought
 * back: the document is not live there any more.
 */
export function afterFailure(record: DocumentRecord | undefined, failure: IndexFailure): DocumentRecord | undefined {
  if (record?.wanted?.generation !== failure.generation) return record;
  const kept = Object.entries(record.live).filter(([, { indexedAccess }]) => indexedAccess !== lostCopy);
  return { ...record, failure, live: Object.fromEntries(kept) };
}

function checkRevision(record: DocumentRecord | undefined, expected: number | undefined): void {
  if (expected !== undefined && expected !== (record?.accessRevision ?? 0)) throw new AppError("revision-mismatch");
}

/**
 * Sets the wanted access. Live text that is the wanted content goes under the new access at once. Older live text keeps the access
 * that it had as wanted content, narrowed by every access that was wanted meanwhile: what a change took away, a later and
 * wider one that came for newer content must not open again.
 */
function withAccess(record: DocumentRecord, access: Access, wantedGeneration: number, first: boolean): DocumentRecord {
  if (!first && sameAccess(record.access, access)) return record;
  const live: Record<string, LiveGeneration> = {};
  for (const [fingerprint, generation] of Object.entries(record.live)) {
    const isWanted = generation.generation === wantedGeneration;
    live[fingerprint] = { ...generation, access: isWanted ? access : narrowed(generation.access, record.access) };
  }
  return { ...record, access, accessRevision: record.accessRevision + 1, live };
}
