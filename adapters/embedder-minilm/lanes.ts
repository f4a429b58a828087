import { Worker } from "node:worker_threads";
import { deadlineExceeded } from "#core/deadline.ts";
import { AppError } from "#core/errors.ts";
import type { EmbeddedTokens } from "#core/ports/embedder.ts";
import { type SilenceWatch, threadPatienceMs, watchSilence } from "#core/silence.ts";
import { pagesFor } from "./forward.ts";
import type { LoadedModel } from "./model-file.ts";
import { maxSequence } from "./shape.ts";
import type { WorkerJob, WorkerReply, WorkerSetup } from "./worker.ts";

/** A text on its way. */
interface Job {
  readonly text: string;
  readonly withTokens: boolean;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (embedded: EmbeddedTokens) => void;
  readonly reject: (error: AppError) => void;
}

/** Passages that a worker may hold: the second one bridges the time until this thread is free to send the next. */
const ahead = 2;

/** Starts the thread of a lane. Tests put one in its place that they can end. */
export type StartThread = (setup: WorkerSetup) => Worker;

const inThread: StartThread = (setup) =>
  // A test runner's or a debugger's flags are not for this worker.
  new Worker(new URL("./worker.ts", import.meta.url), { workerData: setup, execArgv: [] });

/**
 * Worker threads over one copy of the weights. One of them serves only queries, so that a query never waits for a passage;
 * the others take queries when that one is busy and they have nothing to do, and passages otherwise. One text at a time: a pass
 * over one text keeps a core busy, and needs no padding. A thread that ends is replaced: the texts that it held get an error, the others wait
 * for the next one. One that does not even start is tried again when somebody asks; one that gives no answer for long is ended.
 */
export class Lanes {
  readonly #model: LoadedModel;
  readonly #lanes: Lane[] = [];
  readonly #queries: Job[] = [];
  readonly #passages: Job[] = [];
  #closed: AppError | undefined;
  /** Bytes of the memory that the workers share: the weights and each one's room. */
  readonly memoryBytes: number;

  private constructor(model: LoadedModel, memoryBytes: number) {
    this.#model = model;
    this.memoryBytes = memoryBytes;
  }

  /**
   * @param passageLanes worker threads for passages, at least 1; one more is started for queries
   * @param patienceMs how long a thread may owe texts without giving any
   * @throws AppError `embedder-unavailable` when a worker does not start
   */
  static async open(
    model: LoadedModel,
    passageLanes: number,
    start: StartThread = inThread,
    patienceMs = threadPatienceMs,
  ): Promise<Lanes> {
    const pages = pagesFor(passageLanes + 1);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    new Uint8Array(memory.buffer).set(model.weights);
    const lanes = new Lanes(model, memory.buffer.byteLength);
    try {
      await Promise.all(
        Array.from({ length: passageLanes + 1 }, (_, lane) => {
          const opened = new Lane(
            () => start({ memory, lane }),
            lane === 0,
            () => lanes.#dispatch(),
            patienceMs,
          );
          lanes.#lanes.push(opened);
          return opened.start();
        }),
      );
    } catch (error) {
      await lanes.close();
      throw error;
    }
    return lanes;
  }

  /** Queues one text. One whose signal is aborted before its turn takes none. */
  run(text: string, purpose: "passage" | "query", withTokens: boolean, signal?: AbortSignal): Promise<EmbeddedTokens> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) {
        reject(this.#closed);
        return;
      }
      for (const lane of this.#lanes) if (lane.state === "down") lane.start().catch(() => undefined);
      (purpose === "query" ? this.#queries : this.#passages).push({ text, withTokens, signal, resolve, reject });
      this.#dispatch();
    });
  }

  /** Stops the workers; texts that are not done are refused. */
  async close(): Promise<void> {
    this.#closed ??= unavailable("the encoder is closed");
    this.#refuseWaiting(this.#closed, [this.#queries, this.#passages]);
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
  }

  #dispatch(): void {
    for (const lane of this.#lanes) {
      if (lane.state !== "up") continue;
      while (lane.busy === 0 && this.#queries.length > 0) this.#send(lane, this.#queries);
      while (!lane.queriesOnly && lane.busy < ahead && this.#passages.length > 0) this.#send(lane, this.#passages);
    }
    // Nobody is to wait for a thread that does not start.
    const error = unavailable("the encoder's threads do not start");
    if (this.#lanes.every(({ state }) => state === "down")) this.#refuseWaiting(error, [this.#queries]);
    if (this.#lanes.every(({ state, queriesOnly }) => queriesOnly || state === "down")) {
      this.#refuseWaiting(error, [this.#passages]);
    }
  }

  #refuseWaiting(error: AppError, queues: readonly Job[][]): void {
    for (const queue of queues) for (const job of queue.splice(0)) job.reject(error);
  }

  #send(lane: Lane, queue: Job[]): void {
    const job = queue.shift();
    if (job === undefined) return;
    if (job.signal?.aborted === true) {
      job.reject(deadlineExceeded());
      return;
    }
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
  readonly #startThread: () => Worker;
  readonly #changed: () => void;
  readonly #waiting = new Map<number, Order>();
  readonly #silence: SilenceWatch;
  #worker: Worker | undefined;
  #next = 0;
  #isStopped = false;
  readonly queriesOnly: boolean;
  /** Whether it takes texts, will take some soon, or will not unless it is started. */
  state: "starting" | "up" | "down" = "down";

  /** @param changed called whenever the state is another one */
  constructor(startThread: () => Worker, queriesOnly: boolean, changed: () => void, patienceMs: number) {
    // Its end says the rest.
    this.#silence = watchSilence(patienceMs, () => void this.#worker?.terminate());
    this.#startThread = startThread;
    this.queriesOnly = queriesOnly;
    this.#changed = changed;
  }

  /** Starts a worker. Settles when it can take texts, or has failed to start. */
  start(): Promise<void> {
    const started = Promise.withResolvers<void>();
    let worker: Worker;
    try {
      worker = this.#startThread();
    } catch (cause) {
      return Promise.reject(unavailable(cause instanceof Error ? cause.message : String(cause)));
    }
    this.#worker = worker;
    this.state = "starting";
    const down = (why: string): void => {
      if (this.#worker !== worker) return;
      const error = unavailable(why);
      const wasUp = this.state === "up";
      this.#worker = undefined;
      this.state = "down";
      started.reject(error);
      // One that never came up would be started again and again.
      if (wasUp && !this.#isStopped) this.start().catch(() => undefined);
      this.#refuse(error);
      this.#changed();
    };
    worker.on("error", (error) => down(error instanceof Error ? error.message : String(error)));
    worker.on("exit", () => down("a worker of the encoder has ended"));
    worker.on("message", (reply: WorkerReply) => {
      // What an earlier worker still had to say was given up with it.
      if (this.#worker !== worker) return;
      if ("ready" in reply) {
        // An idle encoder keeps no process alive.
        worker.unref();
        this.state = "up";
        started.resolve();
        this.#changed();
      } else this.#settle(worker, reply);
    });
    return started.promise;
  }

  /** Texts that it has not answered. */
  get busy(): number {
    return this.#waiting.size;
  }

  send(order: Order): void {
    const job: WorkerJob = { job: this.#next++, ids: order.ids, withTokens: order.withTokens };
    this.#waiting.set(job.job, order);
    this.#silence.asked();
    this.#worker?.ref();
    this.#worker?.postMessage(job, []);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#worker?.terminate();
  }

  /** Gives up the texts that it holds. */
  #refuse(error: AppError): void {
    const orders = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#silence.answered(true);
    for (const { failed } of orders) failed(error);
  }

  #settle(worker: Worker, reply: Exclude<WorkerReply, { ready: true }>): void {
    const waiting = this.#waiting.get(reply.job);
    this.#waiting.delete(reply.job);
    this.#silence.answered(this.busy === 0);
    if (this.busy === 0) worker.unref();
    if ("failure" in reply) waiting?.failed(unavailable(reply.failure));
    else waiting?.done(reply);
  }
}

function unavailable(detail: string): AppError {
  return new AppError("embedder-unavailable", { detail });
}
