#!/usr/bin/env node
// node bench/index/main.ts [--chunks 100000] [--dimensions 384] [--queries 200] [--lancedb FOLDER] [--json]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { inPlace } from "#adapters/index-sqlite/engine/link.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { LiveColumns } from "#adapters/ledger-sqlite/live-columns.ts";
import { openDatabase, truncateLog } from "#adapters/sqlite/open.ts";
import { type CorpusShape, documentsOf, fingerprint, generationAt } from "./corpus.ts";
import { round } from "./figures.ts";
import { measureLance } from "./lancedb.ts";
import { type Figures, measure } from "./measure.ts";

const { values } = parseArgs({
  options: {
    chunks: { type: "string", default: "100000" },
    dimensions: { type: "string", default: "384" },
    queries: { type: "string", default: "200" },
    lancedb: { type: "string" },
    json: { type: "boolean", default: false },
    /** Used by the command itself: measures a database that was filled by another process. */
    measure: { type: "string" },
  },
});
const shape: CorpusShape = { chunks: whole("chunks"), dimensions: whole("dimensions") };
const queries = whole("queries");

if (values.measure !== undefined) {
  process.stdout.write(JSON.stringify(await measure(values.measure, shape, queries)));
} else {
  const folder = mkdtempSync(join(tmpdir(), "reticent-bench-"));
  try {
    const file = join(folder, "index.db");
    const fillMs = await fill(file);
    const figures = inNewProcess(file);
    const lance = values.lancedb === undefined ? [] : await measureLance(values.lancedb, shape, Math.min(queries, 50));
    const compared = lance.map(({ percent, search }) => {
      const own = figures.shares.find((share) => share.percent === percent)?.searchDenseOnly;
      return { percent, lancedb: search, own, ratio: round(search.p50 / (own?.p50 ?? Number.NaN), 1) };
    });
    if (values.json) console.log(JSON.stringify({ ...figures, fillMs, lancedb: compared }, null, 2));
    else print(figures, compared);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function whole(name: "chunks" | "dimensions" | "queries"): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0`);
  return value;
}

async function fill(file: string): Promise<number> {
  const start = performance.now();
  const database = openDatabase(file);
  // Only here: nobody mourns for a bench's file.
  database.exec("PRAGMA synchronous = OFF");
  const model = { fingerprint, dimensions: shape.dimensions };
  const index = await openSqliteIndex({ database, live: new LiveColumns(), model, engine: inPlace });
  for (let document = 0; document < documentsOf(shape); document++) await index.write(generationAt(document, shape));
  await index.close();
  truncateLog(database);
  database.close();
  return Math.round(performance.now() - start);
}

/** Measured apart from the filling, which leaves memory behind. */
function inNewProcess(file: string): Figures {
  const self = fileURLToPath(import.meta.url);
  const sizes = ["--chunks", values.chunks, "--dimensions", values.dimensions, "--queries", values.queries];
  const { status, stdout } = spawnSync(process.execPath, [...process.execArgv, self, "--measure", file, ...sizes], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`measuring failed with exit code ${status}`);
  const figures: Figures = JSON.parse(stdout);
  return figures;
}

function print(
  { shares, ...all }: Figures,
  compared: readonly { percent: number; lancedb: { p50: number; p95: number }; ratio: number }[],
): void {
  console.log(`${all.chunks} chunks × ${all.dimensions}, ${all.scan}, load ${all.load} on ${all.cores} cores`);
  console.log(
    `start ${all.startMs} ms (${all.startCpuMs} ms of processor time), memory ${all.rssMb} MB (${all.rssBeforeMb} MB before)`,
  );
  console.table(
    Object.fromEntries(
      shares.map(({ percent, chunks, recall, ...timings }) => [
        `${percent} %`,
        {
          chunks,
          recall,
          ...Object.fromEntries(Object.entries(timings).map(([name, { p50, p95 }]) => [name, `${p50} / ${p95}`])),
        },
      ]),
    ),
  );
  console.log("times: p50 / p95 in ms");
  for (const { percent, lancedb, ratio } of compared) {
    console.log(`LanceDB, ${percent} % visible: ${lancedb.p50} / ${lancedb.p95} ms, ${ratio} times searchDenseOnly`);
  }
}
