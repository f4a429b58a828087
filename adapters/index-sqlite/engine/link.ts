import { type Transferable, Worker } from "node:worker_threads";
import { Engine } from "./engine.ts";
import { type FromEngine, isQuestion, type ToEngine } from "./protocol.ts";

/** What a link tells the one who started it. */
export interface LinkEvents {
  reply(reply: FromEngine): void;
  /** The engine is gone, with everything that it held. Said once, and not after {@link EngineLink.stop}. */
  down(cause: unknown): void;
}

/** A running engine. */
export interface EngineLink {
  /** Messages are done in their order. Buffers of `transfer` belong to the engine afterwards. */
  post(message: ToEngine, transfer?: readonly Transferable[]): void;
  /** Whether the process has to stay alive for an answer. */
  hold(isHeld: boolean): void;
  stop(): Promise<void>;
}

/** Starts an engine that holds nothing yet. */
export type StartEngine = (events: LinkEvents) => EngineLink;

/** The engine in a thread of its own: a search never keeps the caller's thread from its other work. */
export const inThread: StartEngine = (events) => {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { name: "index" });
  let isOver = false;
  const down = (cause: unknown): void => {
    if (isOver) return;
    isOver = true;
    events.down(cause);
  };
  worker.on("message", (reply: FromEngine) => {
    if (!isOver) events.reply(reply);
  });
  worker.on("messageerror", (error) => {
    down(error);
    void worker.terminate();
  });
  worker.on("error", down);
  worker.on("exit", (code) => down(new Error(`the index's thread ended with code ${code}`)));
  worker.unref();
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    async stop() {
      isOver = true;
      await worker.terminate();
    },
  };
};

/** The engine in the caller's own thread: for small collections and tests, where a thread would cost more than it does. */
export const inPlace: StartEngine = (events) => {
  const engine = new Engine();
  let isOver = false;
  return {
    post(message) {
      if (isOver) return;
      try {
        const answer = engine.take(message);
        if ("id" in message) events.reply({ id: message.id, answer });
      } catch (error) {
        if (isQuestion(message)) {
          events.reply({ id: message.id, error: String(error) });
        } else {
          isOver = true;
          engine.close();
          events.down(error);
        }
      }
    },
    hold: () => {},
    async stop() {
      isOver = true;
      engine.close();
    },
  };
};
