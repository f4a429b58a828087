import { parentPort } from "node:worker_threads";
import { Engine } from "./engine.ts";
import { type FromEngine, isQuestion, type ToEngine } from "./protocol.ts";

/**
 * The engine's thread. A failed search or match is an answer. Any other failure ends the thread: what it holds may not be what it should,
 * and a new one is built from what is stored.
 */
const engine = new Engine();
const port = parentPort;
if (port === null) throw new Error("this module is the engine's thread and nothing else");
port.on("message", (message: ToEngine) => {
  if (!isQuestion(message)) {
    engine.take(message);
    if (message.kind === "load" || message.kind === "ready") answer({ id: message.id, answer: null });
    return;
  }
  try {
    answer({ id: message.id, answer: engine.take(message) });
  } catch (error) {
    answer({ id: message.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});

function answer(reply: FromEngine): void {
  port?.postMessage(reply);
}
