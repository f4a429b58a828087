import { Worker } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { Lanes, type StartThread } from "./lanes.ts";
import { builtInModel } from "./minilm.ts";
import { loadModel } from "./model-file.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** An encoder whose threads can be ended, and kept from starting. */
async function breakable() {
  const model = await loadModel(builtInModel);
  const threads: Worker[] = [];
  const starts = { broken: false };
  const start: StartThread = (setup) => {
    const worker = starts.broken
      ? new Worker("throw new Error('no memory')", { eval: true })
      : new Worker(new URL("./worker.ts", import.meta.url), { workerData: setup, execArgv: [] });
    worker.setMaxListeners(20);
    threads.push(worker);
    return worker;
  };
  const lanes = await Lanes.open(model, 1, start);
  closers.push(() => lanes.close());
  /** Ends all threads that run, the way that a crash does: whoever listens is told by the thread's end alone. */
  const crash = () => Promise.all(threads.splice(0).map((worker) => worker.terminate()));
  return { lanes, starts, crash };
}

const unavailable = { code: "embedder-unavailable" };

test("a thread of the encoder that ends takes along what it held, and the next question is answered", async () => {
  const { lanes, crash } = await breakable();
  const before = await lanes.run("where is the water sensor", "query", false);
  const passages = Array.from({ length: 4 }, (_, i) => lanes.run(`${i} ${"word ".repeat(100)}`, "passage", true));
  const [outcomes] = await Promise.all([Promise.allSettled(passages), crash()]);
  const refused = outcomes.filter(({ status }) => status === "rejected");
  for (const outcome of refused) expect(outcome).toMatchObject({ reason: unavailable });
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThanOrEqual(2);
  for (let times = 0; times < 2; times++) {
    expect((await lanes.run("where is the water sensor", "query", false)).vector).toEqual(before.vector);
    await crash();
  }
});

test("nobody waits for threads that do not start, and they are tried again when somebody asks", async () => {
  const { lanes, starts, crash } = await breakable();
  starts.broken = true;
  await crash();
  await expect(lanes.run("a question", "query", false)).rejects.toMatchObject(unavailable);
  await expect(lanes.run("a passage", "passage", true)).rejects.toMatchObject(unavailable);
  starts.broken = false;
  expect((await lanes.run("a question", "query", false)).vector.length).toBeGreaterThan(0);
  expect((await lanes.run("a passage", "passage", true)).tokens.ids.length).toBe(2);
});
