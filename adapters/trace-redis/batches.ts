import type { Trace } from "#core/ports/trace.ts";
import { LostTraces } from "#core/retrieval/lost-traces.ts";

/** Settings of {@link makeBatches}. Times in ms. */
export interface BatchOptions {
  /** Time from the first trace of a batch to its writing. */
  readonly flushMs: number;
  /** Time to the next try after one that failed. */
  readonly retryMs: number;
  /** Traces that may wait; more are lost. */
  readonly maxWaiting: number;
  readonly send: (batch: readonly Trace[]) => Promise<void>;
  /** Told of each try that failed; the traces wait for the next one. */
  readonly onError: (error: unknown) => void;
}

/** Traces on their way to the server. */
export interface Batches {
  add(trace: Trace): void;
  /** One that has not arrived yet. */
  find(tenant: string, id: string): Trace | undefined;
  /** Writes what waits. @throws of `send` */
  write(): Promise<void>;
  /** As of `TraceStore`. */
  lost(tenant?: string): number;
  /** One last try; what it leaves is lost. */
  close(): Promise<void>;
}

const batchSize = 200;

/** Gathers traces, so that no request waits for the server and a short outage of it loses none. */
export function makeBatches(options: BatchOptions): Batches {
  const { flushMs, retryMs, maxWaiting, send, onError } = options;
  const waiting: Trace[] = [];
  let onTheWay: readonly Trace[] = [];
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const lost = new LostTraces();
  let closed = false;

  function later(ms: number): void {
    if (timer !== undefined || closed) return;
    timer = setTimeout(() => {
      timer = undefined;
      // Reported where it failed.
      write().catch(() => {});
    }, ms);
    timer.unref();
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      onTheWay = waiting.splice(0, batchSize);
      try {
        await send(onTheWay);
      } catch (error) {
        waiting.unshift(...onTheWay);
        onError(error);
        later(retryMs);
        throw error;
      } finally {
        onTheWay = [];
      }
    }
  }

  function write(): Promise<void> {
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
    return writing;
  }

  return {
    add(trace) {
      if (closed || waiting.length + onTheWay.length >= maxWaiting) {
        lost.add([trace]);
        return;
      }
      waiting.push(trace);
      later(flushMs);
    },
    find: (tenant, id) => [...onTheWay, ...waiting].find((trace) => trace.tenant === tenant && trace.id === id),
    write,
    lost: (tenant) => lost.count(tenant),
    async close() {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      await write().catch(() => {});
      lost.add(waiting.splice(0));
    },
  };
}
