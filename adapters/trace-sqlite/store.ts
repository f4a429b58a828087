import { DatabaseSync } from "node:sqlite";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Clock } from "#core/ports/clock.ts";
import type { Trace, TraceStore } from "#core/ports/trace.ts";
import { LostTraces } from "#core/retrieval/lost-traces.ts";
import { feedbackTable } from "./feedback.ts";
import { migrate } from "./schema.ts";

/** Settings of the trace file. */
export interface TraceStoreOptions {
  /** The database file; `:memory:` for tests. A file of its own, so that writing traces never waits for, or delays, the ledger. */
  readonly file: string;
  readonly clock: Clock;
  /** `maxCount` is each tenant's own: no tenant's questions push out what another one may have to explain. */
  readonly retention: { readonly maxAgeMs: number; readonly maxCount: number };
  /** Time between two batches, ms. */
  readonly flushMs?: number;
  /** Traces that may wait for a batch; more are counted as lost. */
  readonly maxWaiting?: number;
  /** Told once per failed batch. */
  readonly onError?: (error: unknown) => void;
}

/** Traces written before requests have their turn. */
const tracesPerTurn = 16;

/**
 * Keeps traces in an SQLite file. A batch is written at an interval, off the path of a request; the retention limit (age and count)
 * is applied with each batch, to judgements with their traces. A trace is compressed JSON; it never holds passage text.
 * @throws Error when the file was written by a newer version; of `node:sqlite` when it cannot be opened or is not a database
 */
export function openTraceStore(options: TraceStoreOptions): TraceStore {
  const { clock, retention, flushMs = 250, maxWaiting = 10_000, onError = () => {} } = options;
  const database = new DatabaseSync(options.file);
  try {
    migrate(database);
  } catch (error) {
    database.close();
    throw error;
  }
  const judgements = feedbackTable(database);
  const insert = database.prepare("INSERT OR IGNORE INTO traces (tenant, id, at, trace) VALUES (?, ?, ?, ?)");
  const select = database.prepare("SELECT trace FROM traces WHERE tenant = ? AND id = ?");
  const expire = database.prepare("DELETE FROM traces WHERE at < ? RETURNING tenant");
  const trim = database.prepare(
    `DELETE FROM traces WHERE sequence IN
       (SELECT sequence FROM traces WHERE tenant = :tenant ORDER BY sequence LIMIT :surplus)`,
  );

  const waiting: Trace[] = [];
  const lost = new LostTraces();
  let closed = false;
  // Counted once and then kept up: to find the place of the limit by walking there would cost more with every trace that is kept. Nobody
  // else writes to the file.
  const stored = new Map(
    database
      .prepare("SELECT tenant, count(*) AS count FROM traces GROUP BY tenant")
      .all()
      .map(({ tenant, count }) => [String(tenant), Number(count)]),
  );
  /** Tenants that may have too many traces; all of them at the first batch, since the limit may be another one than last time. */
  const grown = new Set(stored.keys());

  function write(atMost = waiting.length): void {
    const batch = waiting.splice(0, atMost);
    try {
      database.exec("BEGIN IMMEDIATE");
      try {
        const now = new Map<string, number>();
        const add = (tenant: string, more: number): void => {
          now.set(tenant, (now.get(tenant) ?? stored.get(tenant) ?? 0) + more);
        };
        for (const trace of batch) {
          const compressed = zstdCompressSync(Buffer.from(JSON.stringify(trace)));
          add(trace.tenant, Number(insert.run(trace.tenant, trace.id, trace.at, compressed).changes));
          grown.add(trace.tenant);
        }
        for (const { tenant } of expire.all(clock() - retention.maxAgeMs)) add(String(tenant), -1);
        for (const tenant of grown) {
          const surplus = (now.get(tenant) ?? stored.get(tenant) ?? 0) - retention.maxCount;
          if (surplus > 0) add(tenant, -Number(trim.run({ tenant, surplus }).changes));
        }
        database.exec("COMMIT");
        for (const [tenant, count] of now) {
          if (count > 0) stored.set(tenant, count);
          else stored.delete(tenant);
        }
        grown.clear();
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    } catch (error) {
      lost.add(batch);
      onError(error);
    }
  }

  /** A part of the batch, and the next one after whatever waits meanwhile: a burst of answers must not hold up those that follow. */
  function writePart(): void {
    if (closed || waiting.length === 0) return;
    write(Math.min(waiting.length, tracesPerTurn));
    if (waiting.length > 0) setImmediate(writePart);
  }
  const timer = setInterval(writePart, flushMs);
  timer.unref();

  return {
    record(trace) {
      if (closed || waiting.length >= maxWaiting) lost.add([trace]);
      else waiting.push(trace);
    },
    async get(tenant, id) {
      const fresh = waiting.find((trace) => trace.tenant === tenant && trace.id === id);
      if (fresh !== undefined) return fresh;
      const row = select.get(tenant, id);
      // Written by `record` alone, from the type itself.
      return row === undefined
        ? undefined
        : (JSON.parse(zstdDecompressSync(row.trace as Uint8Array).toString()) as Trace);
    },
    async judge(feedback) {
      // A judgement hangs on the row of its trace, which may still wait for its batch.
      if (waiting.length > 0) write();
      return judgements.keep(feedback);
    },
    async feedback(tenant, retrieval) {
      return judgements.of(tenant, retrieval);
    },
    async allFeedback(tenant, after, limit) {
      return judgements.page(tenant, after, limit);
    },
    async flush() {
      write();
    },
    lost: (tenant) => lost.count(tenant),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      write();
      database.close();
    },
  };
}
