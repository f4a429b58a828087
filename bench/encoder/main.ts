/**
 * `node bench/encoder/main.ts`: the built-in encoder's tokens per second on one and two threads, what a query takes while it is idle
 * and while passages are embedded, its memory and its start. Prints one JSON object.
 */
import { cpus, loadavg } from "node:os";
import { type MiniLmEmbedder, openMiniLm } from "#adapters/embedder-minilm/minilm.ts";

/** Sentences of our own, about 11 tokens each. */
const sentences = [
  "The gauge sends its level to the gateway every ten minutes.",
  "Replace the battery when the voltage falls below three volts.",
  "Visitors sign in at the desk and wear a badge all day.",
  "Invoices above five thousand euros need two signatures.",
  "Calibration takes an hour and needs clean water at twenty degrees.",
  "Requests for leave go to the manager two weeks ahead.",
  "The firmware is released on Tuesdays, never before a holiday.",
];
const passageCount = 120;
const queries = [
  "how long does calibration take",
  "who signs invoices above five thousand euros?",
  "sensor battery low",
  "When is the firmware released and who decides about it?",
];

const passages = Array.from({ length: passageCount }, (_, number) =>
  Array.from({ length: 13 }, (_unused, at) => sentences[(number * 3 + at * (1 + (number % 5))) % sentences.length])
    .join(" ")
    .concat(` Page ${number}.`),
);

const before = process.memoryUsage().rss;
const results: Record<string, unknown> = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
for (const threads of [1, 2]) {
  const started = performance.now();
  const encoder = await openMiniLm({ threads });
  const startMs = performance.now() - started;
  const tokens = passages.reduce((sum, text) => sum + encoder.countTokens(text) + 2, 0);
  await encoder.embed(passages.slice(0, 20), "passage");
  const idle = await queryTimes(encoder, 200);
  const plain = await timed(() => encoder.embed(passages, "passage"));
  const withTokens = await timed(() => encoder.tokenOutputs.embed(passages, "passage"));
  let busyDone = false;
  const busy = encoder.embed([...passages, ...passages], "passage").finally(() => {
    busyDone = true;
  });
  const underLoad = await queryTimes(encoder, 60);
  const stillBusy = !busyDone;
  await busy;
  results[`threads_${threads}`] = {
    start_ms: Math.round(startMs),
    tokens_per_passage: Math.round(tokens / passages.length),
    passages_per_second: round(passages.length / plain.seconds),
    tokens_per_second: Math.round(tokens / plain.seconds),
    // What it would be with cores of its own: by processor time, not by the clock.
    passages_per_cpu_second: round(passages.length / plain.cpuSeconds),
    with_token_outputs_passages_per_second: round(passages.length / withTokens.seconds),
    query_ms: idle,
    query_ms_during_ingest: stillBusy ? underLoad : { ...underLoad, note: "passages ended first" },
    shared_memory_mb: round(encoder.memoryBytes / 1e6),
    rss_above_start_mb: round((process.memoryUsage().rss - before) / 1e6),
  };
  await encoder.close();
}
results.load_average = loadavg().map(round);
process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);

async function timed(work: () => Promise<unknown>): Promise<{ seconds: number; cpuSeconds: number }> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  return { seconds, cpuSeconds: (used.user + used.system) / 1e6 };
}

async function queryTimes(encoder: MiniLmEmbedder, count: number): Promise<{ p50: number; p95: number }> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    await encoder.embed([queries[i % queries.length] ?? ""], "query");
    times.push(performance.now() - started);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN);
  return { p50: at(0.5), p95: at(0.95) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
