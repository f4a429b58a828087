import type { VisibilityFilter } from "#core/access/visible.ts";
import type { ArchivedDocument } from "#core/archive/archived-document.ts";
import type { DocumentKey, DocumentRecord, IndexFailure } from "#core/document.ts";
import {
  afterAccess,
  afterDelete,
  afterFailure,
  afterIndexedAccess,
  afterLoss,
  afterPublish,
  afterPut,
  afterRestore,
  afterRetire,
  goneFrom,
} from "#core/ingest/transitions.ts";
import type { DisabledPrincipal, LedgerArchive } from "#core/ports/archive.ts";
import type { Clock } from "#core/ports/clock.ts";
import type {
  DeleteDocument,
  DeleteResult,
  GenerationRef,
  Ledger,
  ListQuery,
  PublishGeneration,
  PutAccess,
  PutDocument,
  PutResult,
} from "#core/ports/ledger.ts";
import { tenantsOf } from "./archive.ts";
import { guarded } from "./attempts.ts";
import { bodyPacker, packBody, unpackBody } from "./body.ts";
import { type ChangeDocument, changeDocuments } from "./change.ts";
import type { RedisConnection } from "./connection.ts";
import { disabledOf, setDisabled } from "./disabled.ts";
import { retireAgain } from "./entries.ts";
import { type Envelope, envelopeReader } from "./envelope.ts";
import { Fingerprints } from "./fingerprints.ts";
import { Lookups } from "./lookups.ts";
import { generationName, generationOfName, nameOf } from "./names.ts";
import { type Command, command, strings } from "./script.ts";
import type { ServerFindings } from "./server-check.ts";
import type { Registry, Store } from "./store.ts";

/** What a {@link RedisLedger} works on. */
export interface RedisLedgerParts {
  readonly connection: RedisConnection;
  readonly store: Store;
  readonly clock: Clock;
}

/**
 * The ledger over Redis. A command reads a document, asks core/ingest/transitions.ts what becomes of it, and writes record, body and indexes
 * in one script if nobody else wrote meanwhile; else it begins anew. So the rules are the same as in every other ledger, several processes may
 * work on the same store, and a write that was sent before a failure and arrives after it changes nothing that has moved on.
 */
export class RedisLedger implements Ledger, LedgerArchive {
  readonly #connection: RedisConnection;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #lookups: Lookups;
  readonly #fingerprints: Fingerprints;
  readonly #change: ChangeDocument;

  constructor({ connection, store, clock }: RedisLedgerParts) {
    this.#connection = connection;
    this.#store = store;
    this.#clock = clock;
    const envelopeOf = envelopeReader();
    this.#lookups = new Lookups(store, envelopeOf);
    this.#fingerprints = new Fingerprints(store);
    this.#change = changeDocuments({ store, clock, envelopeOf, fingerprints: this.#fingerprints });
  }

  /** Made with the store. Noted elsewhere and given at the next start, it tells an emptied or exchanged Redis from a new one. */
  get storeId(): string {
    return this.#store.id;
  }

  /** What the server says of itself now. @throws AppError `ledger-unavailable` */
  findings(): Promise<ServerFindings> {
    return this.#connection.findings();
  }

  async putDocument(input: PutDocument, signal?: AbortSignal): Promise<PutResult> {
    let packer: ReturnType<typeof bodyPacker> | undefined;
    return this.#change({ key: input.key, signal }, async ({ before, now }) => {
      const result = afterPut(before?.record, input, isoOf(now));
      if (result.record === before?.record) return { result };
      packer ??= bodyPacker(input.body);
      // By this decision's generation: one that another write overtook had a lower one.
      const packed = (await packer)(result.record.lastGeneration);
      const body = [this.#names.body(nameOf(input.key)), packed] as const;
      return { result, after: { record: result.record, announced: [] }, commands: [command(["SET", ...body])] };
    });
  }

  async putAccess(input: PutAccess, signal?: AbortSignal): Promise<DocumentRecord> {
    return this.#change({ key: input.key, signal }, ({ before }) => {
      const record = afterAccess(before?.record, input);
      return { result: record, after: before && moved(before, record) };
    });
  }

  async deleteDocument(input: DeleteDocument, signal?: AbortSignal): Promise<DeleteResult> {
    return this.#change({ key: input.key, signal }, ({ before, now }) => {
      const result = afterDelete(before?.record, input, isoOf(now));
      if (result.record === before?.record) return { result };
      const commands = [command(["UNLINK", this.#names.body(nameOf(input.key))])];
      return { result, after: { record: result.record, announced: [] }, commands };
    });
  }

  async read(keys: readonly DocumentKey[], signal?: AbortSignal): Promise<readonly (DocumentRecord | undefined)[]> {
    return guarded(() => this.#lookups.read(keys, signal));
  }

  async replacements(
    keys: readonly DocumentKey[],
    fingerprint: string,
    visibility: VisibilityFilter,
    signal?: AbortSignal,
  ): Promise<readonly DocumentRecord[]> {
    return guarded(() => this.#lookups.replacements(keys, fingerprint, visibility, signal));
  }

  async readBody(key: DocumentKey, generation: number): Promise<string | undefined> {
    return guarded(async () => {
      const bytes = await this.#store.getBytes(this.#names.body(nameOf(key)));
      return bytes === null ? undefined : await unpackBody(bytes, generation);
    });
  }

  async list(query: ListQuery, signal?: AbortSignal): Promise<readonly DocumentRecord[]> {
    return guarded(() => this.#lookups.list(query, signal));
  }

  async lagging(fingerprint: string, limit: number, copies = false): Promise<readonly DocumentKey[]> {
    return guarded(() => this.#lookups.lagging(fingerprint, limit, copies));
  }

  async announce({ key, generation, fingerprint }: GenerationRef): Promise<boolean> {
    return this.#change({ key, fingerprint }, async ({ before }) => {
      if (before === undefined || before.record.wanted?.generation !== generation) return { result: false };
      const { record, announced } = before;
      const isHeld = announced.includes(fingerprint) || record.live[fingerprint]?.generation === generation;
      if (isHeld) return { result: true };
      const member = generationName({ key, generation, fingerprint });
      if (await this.#lookups.isCollecting(member)) return { result: false };
      const after = { record, announced: [...announced, fingerprint] };
      return { result: true, after, watched: [[this.#names.collecting, `!${member}`]] };
    });
  }

  async publish(generation: PublishGeneration): Promise<"published" | "stale" | "access-moved"> {
    const { key, fingerprint } = generation;
    return this.#change({ key, fingerprint }, ({ before, now }) => {
      const after = afterPublish(before?.record, generation, isoOf(now));
      if (after === "access-moved") return { result: after };
      if (after === "stale") return { result: after, commands: this.#orphaned(before?.record, generation, now) };
      // Retired meanwhile, with its fingerprint: the index may have been told to erase what was written.
      const isHeld =
        before?.announced.includes(fingerprint) === true ||
        before?.record.live[fingerprint]?.generation === generation.generation;
      if (!isHeld) return { result: "stale" };
      if (after === before?.record) return { result: "published" };
      const announced = before?.announced.filter((one) => one !== fingerprint) ?? [];
      return { result: "published", after: { record: after, announced } };
    });
  }

  async indexedAccess(generation: GenerationRef, accessRevision: number): Promise<void> {
    return this.#change({ key: generation.key }, ({ before }) => {
      const record = before && afterIndexedAccess(before.record, generation, accessRevision);
      return { result: undefined, after: before && record && moved(before, record) };
    });
  }

  async lostByIndex(generation: GenerationRef): Promise<void> {
    return this.#change({ key: generation.key }, ({ before }) => {
      const record = before && afterLoss(before.record, generation);
      return { result: undefined, after: before && record && moved(before, record) };
    });
  }

  async fail(key: DocumentKey, failure: IndexFailure): Promise<void> {
    return this.#change({ key }, ({ before }) => {
      const record = afterFailure(before?.record, failure);
      if (before === undefined || record === undefined) return { result: undefined };
      // What is wanted may be written again at any time: it is not to be erased.
      const held = goneFrom(before.record, record).flatMap(({ fingerprint, isWanted }) =>
        isWanted ? [fingerprint] : [],
      );
      const after = moved(before, record);
      return { result: undefined, after: after && { record, announced: [...after.announced, ...held] } };
    });
  }

  async collectable(before: number, limit: number): Promise<readonly GenerationRef[]> {
    const { retired, collecting } = this.#names;
    return guarded(async () => {
      const [members] = await this.#store.write([command(["HANDOUT", retired, collecting, before, limit], collecting)]);
      return strings(members).map(generationOfName);
    });
  }

  async collected(generation: GenerationRef): Promise<void> {
    const { retired, collecting } = this.#names;
    const member = generationName(generation);
    await guarded(() => this.#store.write([command(["COLLECTED", collecting, retired, member], retired)]));
  }

  async activeFingerprint(): Promise<string | undefined> {
    return guarded(async () => (await this.#store.registry()).registry.active ?? undefined);
  }

  async activate(from: string | undefined, to: string): Promise<boolean> {
    return guarded(() => this.#fingerprints.activate(from, to));
  }

  async countLagging(fingerprint: string, tenant: string): Promise<number> {
    return guarded(() => this.#lookups.countLagging(fingerprint, tenant));
  }

  async retireOthers(keep: readonly string[], limit: number): Promise<number> {
    const isKept =
      ({ active }: Registry) =>
      (one: string) =>
        one === active || keep.includes(one);
    return guarded(async () => {
      const { registry: now } = await this.#store.registry();
      const others = now.fingerprints.filter((one) => !isKept(now)(one));
      const found = await this.#lookups.indexedUnder(others, limit);
      for (const key of found) {
        await this.#change({ key }, ({ before, registry }) => {
          if (before === undefined) return { result: undefined };
          const known = [...before.announced, ...Object.keys(before.record.live)];
          // Asked anew: what became active since then stays.
          const kept = new Set(known.filter(isKept(registry)));
          const record = afterRetire(before.record, kept);
          const announced = before.announced.filter((one) => kept.has(one));
          const isSame = record === before.record && announced.length === before.announced.length;
          return { result: undefined, after: isSame ? before : { record, announced } };
        });
      }
      if (found.length < limit) {
        for (const other of others) await this.#fingerprints.forget(other, (registry) => isKept(registry)(other));
      }
      return found.length;
    });
  }

  async tenants(): Promise<readonly string[]> {
    return guarded(() => tenantsOf(this.#store));
  }

  async disabledPrincipals(): Promise<readonly DisabledPrincipal[]> {
    return guarded(() => disabledOf(this.#store));
  }

  async restore({ record, body }: ArchivedDocument): Promise<"restored" | "present"> {
    const packed = record.wanted && body !== null ? await packBody(record.wanted.generation, body) : undefined;
    return this.#change({ key: record.key }, ({ before }) => {
      const after = afterRestore(before?.record, record);
      if (after === before?.record) return { result: "present" };
      const commands =
        packed === undefined ? [] : [command(["SET", this.#names.body(nameOf(record.key)), packed] as const)];
      return { result: "restored", after: { record: after, announced: [] }, commands };
    });
  }

  async setDisabled(tenant: string, principal: string, disabled: boolean, signal?: AbortSignal): Promise<void> {
    return guarded(() => setDisabled(this.#store, this.#clock(), { tenant, principal }, disabled, signal));
  }

  async disabledAmong(tenant: string, principals: readonly string[], signal?: AbortSignal): Promise<readonly string[]> {
    return guarded(() => this.#lookups.disabledAmong(tenant, principals, signal));
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  get #names() {
    return this.#store.names;
  }

  /** A worker wrote a generation that is neither wanted nor live any more: it has to be erased from the index once more. */
  #orphaned(record: DocumentRecord | undefined, generation: GenerationRef, now: number): readonly Command[] {
    if (record === undefined || generation.generation > record.lastGeneration) return [];
    const isUsed = [record.wanted, record.live[generation.fingerprint]].some(
      (one) => one?.generation === generation.generation,
    );
    return isUsed ? [] : retireAgain(this.#names, generation, now);
  }
}

/** The state with another record; the state itself when the record is the same. */
function moved(before: Envelope, record: DocumentRecord): Envelope {
  return record === before.record ? before : { ...before, record };
}

function isoOf(now: number): string {
  return new Date(now).toISOString();
}
