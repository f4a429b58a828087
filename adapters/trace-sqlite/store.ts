import { DatabaseSync } from "node:sqlite";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Clock } from "#core/ports/clock.ts";
import type { Trace, TraceStore } from "#core/ports/trace.ts";
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
  const expire = database.prepare("DELETE FROM traces WHERE at < ?");
  const trim = database.prepare(
    `DELETE FROM traces WHERE tenant = :tenant AND sequence <=
       (SELECT sequence FROM traces WHERE tenant = :tenant ORDER BY sequence DESC LIMIT 1 OFFSET :count)`,
  );
  // Those that may have too many traces; all of them at the first batch, since the limit may be another one than last time.
  const grown = new Set(
    database
      .prepare("SELECT DISTINCT tenant FROM traces")
      .all()
      .map((row) => String(row.tenant)),
  );

  let waiting: Trace[] = [];
  let lost = 0;
  let closed = false;

  function write(): void {
    const batch = waiting;
    waiting = [];
    try {
      database.exec("BEGIN IMMEDIATE");
      try {
        for (const trace of batch) {
          insert.run(trace.tenant, trace.id, trace.at, zstdCompressSync(Buffer.from(JSON.stringify(trace))));
          grown.add(trace.tenant);
        }
        expire.run(clock() - retention.maxAgeMs);
        for (const tenant of grown) trim.run({ tenant, count: retention.maxCount });
        database.exec("COMMIT");
        grown.clear();
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    } catch (error) {
      lost += batch.length;
      onError(error);
    }
  }

  const timer = setInterval(() => {
    if (waiting.length > 0) write();
  }, flushMs);
  timer.unref();

  return {
    record(trace) {
      if (closed || waiting.length >= maxWaiting) lost += 1;
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
    lost: () => lost,
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      write();
      database.close();
    },
  };
}
