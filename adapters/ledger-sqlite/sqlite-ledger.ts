import type { DatabaseSync } from "node:sqlite";
import { reading } from "#adapters/sqlite/transaction.ts";
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
import type { LiveDocuments } from "#core/ports/live-documents.ts";
import { Commits } from "./commits.ts";
import type { LiveColumns } from "./live-columns.ts";
import { RecordCache } from "./record-cache.ts";
import {
  generationOf,
  generationValues,
  idBytes,
  integerOf,
  keyOf,
  keyValues,
  recordOf,
  recordValues,
  textOf,
} from "./rows.ts";
import type { Statements } from "./statements.ts";

/** What a {@link SqliteLedger} works on. */
export interface SqliteLedgerParts {
  readonly database: DatabaseSync;
  readonly clock: Clock;
  readonly statements: Statements;
  readonly columns: Pick<LiveColumns, "apply" | "select" | "replacing">;
}

/**
 * The ledger over prepared statements. Every command is one synchronous transaction, and memory follows in the same turn of
 * the event loop: nothing can run between the commit and its effect on the next search.
 */
export class SqliteLedger implements Ledger, LedgerArchive {
  readonly live: LiveDocuments;
  readonly #database: DatabaseSync;
  readonly #commits: Commits;
  readonly #sql: Statements;
  readonly #columns: SqliteLedgerParts["columns"];
  readonly #records: RecordCache;

  constructor({ database, clock, statements, columns }: SqliteLedgerParts) {
    this.#database = database;
    this.#commits = new Commits({ database, clock, apply: (record) => columns.apply(record) });
    this.#sql = statements;
    this.#columns = columns;
    this.#records = new RecordCache(database);
    this.live = { select: (fingerprint, filter) => this.#commits.read(() => columns.select(fingerprint, filter)) };
  }

  async putDocument(command: PutDocument): Promise<PutResult> {
    return this.#commits.commit((now) => {
      const before = this.#document(command.key);
      const result = afterPut(before, command, new Date(now).toISOString());
      if (result.record === before) return { result };
      const key = keyValues(command.key);
      this.#sql.retireAnnounced.run(now, ...key);
      this.#sql.saveBody.run(...key, result.record.lastGeneration, Buffer.from(command.body));
      return { result, changed: [this.#save(result.record)] };
    });
  }

  async putAccess(command: PutAccess): Promise<DocumentRecord> {
    return this.#commits.commit(() => {
      const before = this.#document(command.key);
      const result = afterAccess(before, command);
      return result === before ? { result } : { result, changed: [this.#save(result)] };
    });
  }

  async deleteDocument(command: DeleteDocument): Promise<DeleteResult> {
    return this.#commits.commit((now) => {
      const before = this.#document(command.key);
      const result = afterDelete(before, command, new Date(now).toISOString());
      if (result.record === before) return { result };
      const key = keyValues(command.key);
      this.#sql.eraseBody.run(...key);
      this.#sql.retireAll.run(now, ...key);
      return { result, changed: [this.#save(result.record)] };
    });
  }

  async read(keys: readonly DocumentKey[]): Promise<readonly (DocumentRecord | undefined)[]> {
    return this.#commits.read(() => this.#documents(keys));
  }

  async replacements(
    keys: readonly DocumentKey[],
    fingerprint: string,
    visibility: VisibilityFilter,
  ): Promise<readonly DocumentRecord[]> {
    return this.#commits.read(() =>
      this.#documents(this.#columns.replacing(fingerprint, keys, visibility)).filter((record) => record !== undefined),
    );
  }

  async readBody(key: DocumentKey, generation: number): Promise<string | undefined> {
    return this.#commits.read(() => {
      const body = this.#sql.body.get(...keyValues(key), generation)?.body;
      return body instanceof Uint8Array ? Buffer.from(body).toString() : undefined;
    });
  }

  async list(query: ListQuery): Promise<readonly DocumentRecord[]> {
    const page = {
      tenant: query.tenant,
      source: query.source ?? null,
      afterSource: query.after?.source ?? null,
      afterId: query.after === undefined ? null : idBytes(query.after.id),
      limit: query.limit,
    };
    return this.#commits.read(() => {
      const { stored, failed, laggingOfTenant } = this.#sql;
      if (query.state === "stored") return stored.all(page).map((row) => recordOf(row));
      if (query.state === "failed") return failed.all(page).map((row) => recordOf(row));
      return laggingOfTenant.all({ ...page, fingerprint: query.fingerprint }).map((row) => recordOf(row));
    });
  }

  async lagging(fingerprint: string, limit: number, copies = false): Promise<readonly DocumentKey[]> {
    const { lagging, laggingWithCopies } = this.#sql;
    return this.#commits.read(() => (copies ? laggingWithCopies : lagging).all({ fingerprint, limit }).map(keyOf));
  }

  async announce(generation: GenerationRef): Promise<boolean> {
    return this.#commits.commit(() => {
      const record = this.#document(generation.key);
      if (record?.wanted?.generation !== generation.generation) return { result: false };
      const values = generationValues(generation);
      if (this.#sql.isCollecting.get(...values) !== undefined) return { result: false };
      this.#sql.announce.run(...values);
      return { result: true };
    });
  }

  async publish(generation: PublishGeneration): Promise<"published" | "stale" | "access-moved"> {
    return this.#commits.commit((now) => {
      const before = this.#document(generation.key);
      const after = afterPublish(before, generation, new Date(now).toISOString());
      if (after === "stale") this.#noteOrphan(generation, before, now);
      if (after === "stale" || after === "access-moved") return { result: after };
      // Retired meanwhile, with its fingerprint: the index may have been told to erase what was written.
      if (this.#sql.isHeld.get(...generationValues(generation)) === undefined) return { result: "stale" };
      if (after === before) return { result: "published" };
      this.#sql.retireLive.run(now, ...keyValues(generation.key), generation.fingerprint);
      this.#sql.goLive.run(...generationValues(generation));
      return { result: "published", changed: [this.#save(after)] };
    });
  }

  async indexedAccess(generation: GenerationRef, accessRevision: number): Promise<void> {
    this.#revise(generation.key, (record) => record && afterIndexedAccess(record, generation, accessRevision));
  }

  async lostByIndex(generation: GenerationRef): Promise<void> {
    this.#revise(generation.key, (record) => record && afterLoss(record, generation));
  }

  async fail(key: DocumentKey, failure: IndexFailure): Promise<void> {
    this.#commits.commit((now) => {
      const before = this.#document(key);
      const after = afterFailure(before, failure);
      if (after === undefined || after === before) return { result: undefined };
      for (const { fingerprint, isWanted } of goneFrom(before, after)) {
        // What is wanted may be written again at any time: it is not to be erased.
        if (isWanted) this.#sql.notLive.run(...keyValues(key), fingerprint);
        else this.#sql.retireLive.run(now, ...keyValues(key), fingerprint);
      }
      return { result: undefined, changed: [this.#save(after)] };
    });
  }

  async collectable(before: number, limit: number): Promise<readonly GenerationRef[]> {
    return this.#commits.commit(() => {
      const generations = this.#sql.collectable.all(before, limit).map(generationOf);
      for (const generation of generations) this.#sql.handOut.run(...generationValues(generation));
      return { result: generations };
    });
  }

  async collected(generation: GenerationRef): Promise<void> {
    this.#commits.commit(() => {
      this.#sql.collected.run(...generationValues(generation));
      return { result: undefined };
    });
  }

  async activeFingerprint(): Promise<string | undefined> {
    return this.#commits.read(() => this.#active());
  }

  async activate(from: string | undefined, to: string): Promise<boolean> {
    return this.#commits.commit(() => {
      if (this.#active() !== from) return { result: false };
      this.#sql.activate.run(to);
      return { result: true };
    });
  }

  async countLagging(fingerprint: string, tenant: string): Promise<number> {
    return this.#commits.read(() => integerOf(this.#sql.countLagging.get({ fingerprint, tenant })?.count));
  }

  async retireOthers(keep: readonly string[], limit: number): Promise<number> {
    return this.#commits.commit((now) => {
      const active = this.#active();
      const kept = new Set(active === undefined ? keep : [...keep, active]);
      const list = JSON.stringify([...kept]);
      const keys = this.#sql.otherwiseIndexed.all(list, limit).map(keyOf);
      const changed = keys.flatMap((key) => {
        this.#sql.retireOthers.run(now, ...keyValues(key), list);
        const before = this.#document(key);
        const after = before && afterRetire(before, kept);
        return after === undefined || after === before ? [] : [this.#save(after)];
      });
      return { result: keys.length, changed };
    });
  }

  async setDisabled(tenant: string, principal: string, disabled: boolean): Promise<void> {
    this.#commits.commit((now) => {
      if (disabled) this.#sql.disable.run(tenant, principal, now);
      else this.#sql.enable.run(tenant, principal);
      return { result: undefined };
    });
  }

  async disabledAmong(tenant: string, principals: readonly string[]): Promise<readonly string[]> {
    return this.#commits.read(() => principals.filter((one) => this.#sql.isDisabled.get(tenant, one) !== undefined));
  }

  async tenants(): Promise<readonly string[]> {
    return this.#commits.read(() => this.#sql.tenants.all().map((row) => textOf(row.tenant)));
  }

  async disabledPrincipals(): Promise<readonly DisabledPrincipal[]> {
    return this.#commits.read(() =>
      this.#sql.disabled.all().map((row) => ({ tenant: textOf(row.tenant), principal: textOf(row.principal) })),
    );
  }

  async restore({ record, body }: ArchivedDocument): Promise<"restored" | "present"> {
    return this.#commits.commit(() => {
      const before = this.#document(record.key);
      const after = afterRestore(before, record);
      if (after === before) return { result: "present" };
      if (record.wanted !== undefined && body !== null)
        this.#sql.saveBody.run(...keyValues(record.key), record.wanted.generation, Buffer.from(body));
      return { result: "restored", changed: [this.#save(after)] };
    });
  }

  async close(): Promise<void> {
    this.#commits.close();
  }

  #active(): string | undefined {
    const row = this.#sql.activeFingerprint.get();
    return row === undefined ? undefined : textOf(row.fingerprint);
  }

  #document(key: DocumentKey): DocumentRecord | undefined {
    const row = this.#sql.document.get(...keyValues(key));
    return row === undefined ? undefined : recordOf(row, key);
  }

  /** Outside of a transaction, which could still be taken back. */
  #documents(keys: readonly DocumentKey[]): (DocumentRecord | undefined)[] {
    const read = (missing: readonly DocumentKey[]) =>
      reading(this.#database, () => missing.map((key) => this.#document(key)));
    return keys.length === 0 ? [] : this.#records.take(keys, read);
  }

  #revise(key: DocumentKey, change: (record: DocumentRecord | undefined) => DocumentRecord | undefined): void {
    this.#commits.commit(() => {
      const before = this.#document(key);
      const after = change(before);
      return { result: undefined, changed: after === undefined || after === before ? [] : [this.#save(after)] };
    });
  }

  #save(record: DocumentRecord): DocumentRecord {
    this.#sql.saveDocument.run(...recordValues(record));
    return record;
  }

  /** A worker wrote a generation that is not wanted any more: it may have to be erased from the index a second time. */
  #noteOrphan(generation: GenerationRef, record: DocumentRecord | undefined, now: number): void {
    if (record === undefined || generation.generation > record.lastGeneration) return;
    if (record.wanted?.generation !== generation.generation)
      this.#sql.retireAgain.run(...generationValues(generation), now);
  }
}
