import { Worker } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { Lanes, type StartThread } from "#adapters/embedder-minilm/lanes.ts";
import { builtInModel } from "#adapters/embedder-minilm/minilm.ts";
import { loadModel } from "#adapters/embedder-minilm/model-file.ts";
import { EngineHost } from "#adapters/index-sqlite/engine/host.ts";
import { inPlace, type StartEngine } from "#adapters/index-sqlite/engine/link.ts";

// A thread that neither answers nor ends is found by its silence, ended and replaced, with nothing restarted.

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const patienceMs = 100;

/** Says that it is there, and is never heard of again. */
const hung = `
  const { parentPort } = require("node:worker_threads");
  parentPort.on("message", () => { for (;;); });
  parentPort.postMessage({ ready: true });
`;

test("a thread of the encoder that hangs is replaced: its text is refused, and the next ones are embedded", async () => {
  let isHung = true;
  const start: StartThread = (setup) =>
    isHung
      ? new Worker(hung, { eval: true })
      : new Worker(new URL("../../adapters/embedder-minilm/worker.ts", import.meta.url), {
          workerData: setup,
          execArgv: [],
        });
  const lanes = await Lanes.open(await loadModel(builtInModel), 1, start, patienceMs);
  closers.push(() => lanes.close());
  isHung = false;
  const unavailable = { code: "embedder-unavailable" };
  const asked = await Promise.allSettled([
    lanes.run("a question", "query", false),
    lanes.run("a text", "passage", false),
  ]);
  for (const outcome of asked) expect(outcome).toMatchObject({ status: "rejected", reason: unavailable });
  expect((await lanes.run("a question", "query", false)).vector.length).toBeGreaterThan(0);
  expect((await lanes.run("a passage", "passage", true)).tokens.ids.length).toBe(2);
});

test("an engine that hangs is replaced by one that reads everything again, and searches are answered", async () => {
  const ended: string[] = [];
  let starts = 0;
  const start: StartEngine = (events) => {
    starts += 1;
    const name = `engine ${starts}`;
    const link = inPlace(events);
    return {
      ...link,
      // The first one is filled, and then hears nothing any more.
      post: (message) => {
        if (starts > 1 || message.kind === "ready") link.post(message);
      },
      async stop() {
        ended.push(name);
        await link.stop();
      },
    };
  };
  let read = 0;
  const stored = function* () {
    read += 1;
    yield* [];
  };
  const host = new EngineHost(start, { file: null, stored }, patienceMs);
  closers.push(() => host.close());
  await host.open();
  const selection = { fingerprint: "print", handles: new Int32Array() };
  const request = { fingerprint: "print", vector: new Float32Array([1]), terms: [], limit: 1, density: false };
  await expect(host.search(selection, request)).rejects.toMatchObject({ code: "index-unavailable" });
  expect((await host.search(selection, request)).hits).toEqual([]);
  expect([ended, starts, read]).toEqual([["engine 1"], 2, 2]);
});
