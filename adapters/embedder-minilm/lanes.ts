import { Worker } from "node:worker_threads";
import { AppError } from "#core/errors.ts";
import type { EmbeddedTokens } from "#core/ports/embedder.ts";
import { pagesFor } from "./forward.ts";
import type { LoadedModel } from "./model-file.ts";
import { maxSequence } from "./shape.ts";
import type { WorkerJob, WorkerReply, WorkerSetup } from "./worker.ts";

/** A text on its way. */
interface Job {
  readonly text: string;
  readonly withTokens: boolean;
  readonly resolve: (embedded: EmbeddedTokens) => void;
  readonly reject: (error: AppError) => void;
}

/** Passages that a worker may hold: the second one bridges the time until this thread is free to send the next. */
const ahead = 2;

/**
 * Worker threads over one copy of the weights. One of them serves only queries, so that a query never waits for a passage;
 * the others take queries when that one is busy and they have nothing to do, and passages otherwise. One text at a time: a pass
 * over one text keeps a core busy, and needs no padding.
 */
export class Lanes {
  readonly #model: LoadedModel;
  readonly #lanes: Lane[] = [];
  readonly #queries: Job[] = [];
  readonly #passages: Job[] = [];
  #broken: AppError | undefined;
  /** Bytes of the memory that the workers share: the weights and each one's room. */
  readonly memoryBytes: number;

  private constructor(model: LoadedModel, memoryBytes: number) {
    this.#model = model;
    this.memoryBytes = memoryBytes;
  }

  /**
   * @param passageLanes worker threads for passages, at least 1; one more is started for queries
   * @throws AppError `embedder-unavailable` when a worker does not start
   */
  static async open(model: LoadedModel, passageLanes: number): Promise<Lanes> {
    const pages = pagesFor(passageLanes + 1);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    new Uint8Array(memory.buffer).set(model.weights);
    const lanes = new Lanes(model, memory.buffer.byteLength);
    try {
      await Promise.all(
        Array.from({ length: passageLanes + 1 }, (_, lane) => {
          const opened = new Lane({ memory, lane }, lane === 0, (error) => lanes.#break(error));
          lanes.#lanes.push(opened);
          return opened.ready;
        }),
      );
    } catch (error) {
      await lanes.close();
      throw error;
    }
    return lanes;
  }

  /** Queues one text. */
  run(text: string, purpose: "passage" | "query", withTokens: boolean): Promise<EmbeddedTokens> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) {
        reject(this.#broken);
        return;
      }
      (purpose === "query" ? this.#queries : this.#passages).push({ text, withTokens, resolve, reject });
      this.#dispatch();
    });
  }

  /** Stops the workers; texts that are not done are refused. */
  async close(): Promise<void> {
    this.#break(unavailable("the encoder is closed"));
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
  }

  #dispatch(): void {
    for (const lane of this.#lanes) {
      while (lane.busy === 0 && this.#queries.length > 0) this.#send(lane, this.#queries);
      while (!lane.queriesOnly && lane.busy < ahead && this.#passages.length > 0) this.#send(lane, this.#passages);
    }
  }

  #send(lane: Lane, queue: Job[]): void {
    const job = queue.shift();
    if (job === undefined) return;
    // Cut into tokens only now: thousands of texts at once would hold up everything else of this thread.
    const ids = this.#model.tokenizer.encode(job.text, maxSequence);
    lane.send({
      ids,
      withTokens: job.withTokens,
      done: ({ vector, tokens }) => {
        if (vector.every(Number.isFinite)) {
          job.resolve({ vector, tokens: { ids: ids.slice(1, -1), vectors: tokens ?? new Int8Array() } });
        } else job.reject(unavailable("a vector is not finite"));
        this.#dispatch();
      },
      failed: (error) => {
        job.reject(error);
        this.#dispatch();
      },
    });
  }

  #break(error: AppError): void {
    this.#broken ??= error;
    for (const job of [...this.#queries.splice(0), ...this.#passages.splice(0)]) job.reject(this.#broken);
    for (const lane of this.#lanes) lane.refuse(this.#broken);
  }
}

type Done = Extract<WorkerReply, { vector: Float32Array }>;

/** A text for a lane, and who waits for it. */
interface Order {
  readonly ids: Uint16Array;
  readonly withTokens: boolean;
  readonly done: (reply: Done) => void;
  readonly failed: (error: AppError) => void;
}

/** One worker and what it is doing. */
class Lane {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Order>();
  #next = 0;
  readonly queriesOnly: boolean;
  /** Settles when the worker can take texts, or has failed to start. */
  readonly ready: Promise<void>;

  constructor(setup: WorkerSetup, queriesOnly: boolean, failed: (error: AppError) => void) {
    this.queriesOnly = queriesOnly;
    // A test runner's or a debugger's flags are not for this worker.
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: setup, execArgv: [] });
    const started = Promise.withResolvers<void>();
    this.ready = started.promise;
    const fail = (why: string): void => {
      const error = unavailable(why);
      started.reject(error);
      failed(error);
    };
    this.#worker.on("error", (error) => fail(error instanceof Error ? error.message : String(error)));
    this.#worker.on("exit", () => fail("a worker of the encoder has ended"));
    this.#worker.on("message", (reply: WorkerReply) => {
      if ("ready" in reply) {
        // An idle encoder keeps no process alive.
        this.#worker.unref();
        started.resolve();
      } else this.#settle(reply);
    });
  }

  /** Texts that it has not answered. */
  get busy(): number {
    return this.#waiting.size;
  }

  send(order: Order): void {
    const job: WorkerJob = { job: this.#next++, ids: order.ids, withTokens: order.withTokens };
    this.#waiting.set(job.job, order);
    this.#worker.ref();
    this.#worker.postMessage(job, []);
  }

  /** Gives up the texts that it holds. */
  refuse(error: AppError): void {
    const orders = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { failed } of orders) failed(error);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(reply: Exclude<WorkerReply, { ready: true }>): void {
    const waiting = this.#waiting.get(reply.job);
    this.#waiting.delete(reply.job);
    if (this.busy === 0) this.#worker.unref();
    if ("failure" in reply) waiting?.failed(unavailable(reply.failure));
    else waiting?.done(reply);
  }
}

function unavailable(detail: string): AppError {
  return new AppError("embedder-unavailable", { detail });
}
