#!/usr/bin/env node
// node bench/retrieve/main.ts [--chunks 10000] [--questions 200] [--ingest-seconds 15] [--json]
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { round, type Timing } from "../index/figures.ts";
import { type MeasuredProcess, startMeasured } from "../kit/measured-process.ts";
import { encoderAlone } from "./alone.ts";
import { bodyOf, chunksPerDocument, questionAbout } from "./corpus.ts";
import type { FromServed, LoopFigures } from "./served.ts";

const { values } = parseArgs({
  options: {
    chunks: { type: "string", default: "10000" },
    questions: { type: "string", default: "200" },
    "ingest-seconds": { type: "string", default: "15" },
    json: { type: "boolean", default: false },
    /** Passed on to the measured process, e.g. --cpu-prof. */
    node: { type: "string", multiple: true, default: [] },
  },
});
const documents = Math.ceil(whole("chunks") / chunksPerDocument);
const questions = whole("questions");
const ingestMs = 1_000 * whole("ingest-seconds");

/** A stretch of questions, with the liveness probe every 20 ms beside them. */
interface Stretch extends LoopFigures {
  /** From request to response, ms. */
  readonly retrieve: Timing;
  readonly healthz: Timing;
  readonly answered: number;
  readonly abstained: number;
  /** Processor time per question, probes and ingest included, ms. */
  readonly mainThreadMs: number;
  readonly allThreadsMs: number;
  readonly ingestedChunks?: number;
}

const dataDir = mkdtempSync(join(tmpdir(), "reticent-bench-"));
const policy = policyFolder();
try {
  const filling = await startServed("made-up");
  const fillStart = performance.now();
  await inLanes(8, documents, (document) => put(filling, document));
  const fillMs = Math.round(performance.now() - fillStart);
  await filling.close();

  const bare = await startServed("made-up");
  const withoutEncoder = await ask(bare, questions);
  await bare.close();

  const served = await startServed("built-in");
  const withEncoder = await ask(served, questions);
  let next = documents;
  let isOver = false;
  const ingest = inLanes(2, Number.POSITIVE_INFINITY, async () => {
    if (isOver) return false;
    await put(served, next++);
    return true;
  });
  await served.report();
  const ingestStart = performance.now();
  const during = await ask(served, (number) => performance.now() - ingestStart < ingestMs || number < 5);
  isOver = true;
  const ingestedChunks = (next - documents) * chunksPerDocument;
  await ingest;
  const alone = await ingestAlone(served, next);
  await served.close();
  const figures = {
    chunks: documents * chunksPerDocument,
    cores: availableParallelism(),
    load: round(loadavg()[0] ?? 0, 1),
    fillMs,
    startMs: served.hello.startMs,
    withoutEncoder,
    withEncoder,
    duringIngest: { ...during, ingestedChunks },
    ingest: { ...alone, ...(await encoderAlone(next, alone.documents)) },
  };
  if (values.json) console.log(JSON.stringify(figures, null, 2));
  else print(figures);
} finally {
  policy.remove();
  rmSync(dataDir, { recursive: true, force: true });
}

function whole(name: "chunks" | "questions" | "ingest-seconds"): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0`);
  return value;
}

type Hello = Extract<FromServed, { readonly url: string }>;
type Served = MeasuredProcess<Hello, LoopFigures>;

function startServed(encoder: "made-up" | "built-in"): Promise<Served> {
  const program = join(import.meta.dirname, "served.ts");
  return startMeasured<Hello, LoopFigures>(program, [dataDir, policy.dir, encoder], dataDir, values.node);
}

async function put(served: Served, document: number): Promise<void> {
  const path = `/v1/documents/open/document-${document}?wait=true`;
  await served.call("writers", "PUT", path, {
    version: 1,
    title: `Document ${document}`,
    content_type: "text/markdown",
    body: bodyOf(document),
    acl: [{ access_type: "grant", type: "everyone" }],
  });
}

/** Sends new documents for the built-in encoder to embed while nobody asks, each acknowledged when it is searchable. */
async function ingestAlone(served: Served, from: number): Promise<{ documents: number; seconds: number }> {
  const count = Math.max(8, Math.round(ingestMs / 400));
  const start = performance.now();
  await inLanes(4, count, (number) => put(served, from + number));
  return { documents: count, seconds: round((performance.now() - start) / 1_000) };
}

/** Does steps 0, 1, … in a number of lanes, until there are so many or one of them says `false`. */
async function inLanes(lanes: number, count: number, step: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      // The steps of a lane are to follow each other.
      // oxlint-disable-next-line no-await-in-loop
      if ((await step(next++)) === false) return;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Asks so many questions, or as long as somebody says. */
async function ask(served: Served, until: number | ((number: number) => boolean)): Promise<Stretch> {
  const outcomes = new Map<string, number>();
  const one = async (number: number): Promise<void> => {
    const query = questionAbout((number * 37) % documents, number);
    const { outcome } = await served.call("guests", "POST", "/v1/retrieve", { query });
    outcomes.set(String(outcome), (outcomes.get(String(outcome)) ?? 0) + 1);
  };
  await inLanes(1, 20, one);
  await served.report();
  outcomes.clear();
  const over = new AbortController();
  const probes: number[] = [];
  const probing = (async () => {
    while (!over.signal.aborted) {
      const start = performance.now();
      // oxlint-disable-next-line no-await-in-loop
      await served.call("guests", "GET", "/healthz");
      probes.push(performance.now() - start);
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
  })();
  const taken: number[] = [];
  for (let number = 0; typeof until === "number" ? number < until : until(number); number++) {
    const start = performance.now();
    // One at a time: what is measured is the way of a question, not a queue.
    // oxlint-disable-next-line no-await-in-loop
    await one(number + 20);
    taken.push(performance.now() - start);
  }
  over.abort();
  await probing;
  const { mainThreadMs, allThreadsMs, ...loop } = await served.report();
  return {
    retrieve: spread(taken),
    healthz: spread(probes),
    answered: outcomes.get("answered") ?? 0,
    abstained: outcomes.get("abstained") ?? 0,
    mainThreadMs: round(mainThreadMs / taken.length),
    allThreadsMs: round(allThreadsMs / taken.length),
    ...loop,
  };
}

function spread(taken: readonly number[]): Timing {
  const sorted = taken.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { p50: at(0.5), p95: at(0.95) };
}

function print({
  withoutEncoder,
  withEncoder,
  duringIngest,
  ...all
}: {
  readonly chunks: number;
  readonly cores: number;
  readonly load: number;
  readonly fillMs: number;
  readonly startMs: number;
  readonly withoutEncoder: Stretch;
  readonly withEncoder: Stretch;
  readonly duringIngest: Stretch;
  readonly ingest: { readonly documents: number; readonly seconds: number; readonly encoderSeconds: number };
}): void {
  console.log(`${all.chunks} chunks, load ${all.load} on ${all.cores} cores; filled in ${all.fillMs} ms`);
  console.log(`start with encoder and index ${all.startMs} ms; times in ms, p50 / p95`);
  const row = ({ retrieve, healthz, ...rest }: Stretch) => ({
    retrieve: `${retrieve.p50} / ${retrieve.p95}`,
    healthz: `${healthz.p50} / ${healthz.p95}`,
    ...rest,
  });
  console.table({
    "without encoder": row(withoutEncoder),
    "with encoder": row(withEncoder),
    "with encoder, during ingest": row(duringIngest),
  });
  const { documents: sent, seconds, encoderSeconds } = all.ingest;
  console.log(
    `ingest without questions: ${sent} documents in ${seconds} s; the encoder alone takes ${encoderSeconds} s for their chunks (${round((100 * encoderSeconds) / seconds, 0)} %)`,
  );
}
