#!/usr/bin/env node
// node bench/stack/main.ts [--chunks 100000] [--questions 40] [--revokes 200] [--documents 300] [--workers 1,2,4]
//   [--parts retrieve,revoke,workers] [--encoder hashed|minilm] [--json]
import process from "node:process";
import { parseArgs } from "node:util";
import { measureStack, type Part, parts, type StackFigures } from "./measure.ts";

const { values } = parseArgs({
  options: {
    chunks: { type: "string", default: "100000" },
    questions: { type: "string", default: "40" },
    revokes: { type: "string", default: "200" },
    documents: { type: "string", default: "300" },
    workers: { type: "string", default: "1,2,4" },
    parts: { type: "string", default: parts.join(",") },
    encoder: { type: "string", default: "hashed" },
    json: { type: "boolean", default: false },
  },
});
const figures = await measureStack(
  {
    chunks: whole("chunks", values.chunks),
    questions: whole("questions", values.questions),
    revokes: whole("revokes", values.revokes),
    documents: whole("documents", values.documents),
    workers: values.workers.split(",").map((one) => whole("workers", one)),
    encoder: values.encoder === "minilm" ? "minilm" : "hashed",
    parts: values.parts.split(",").map(partOf),
  },
  progressLine(),
);
if (values.json) console.log(JSON.stringify(figures, null, 2));
else print(figures);

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0`);
  return value;
}

function partOf(name: string): Part {
  const found = parts.find((part) => part === name);
  if (found === undefined) throw new Error(`--parts are of ${parts.join(", ")}`);
  return found;
}

/** One line that is written over; nothing where nobody looks. */
function progressLine(): (what: string) => void {
  if (!process.stderr.isTTY) return () => {};
  return (what) => void process.stderr.write(`\r\u001b[K${what}`);
}

function print({ retrieve, revoke, workers, sizes, ...run }: StackFigures): void {
  const timings = (row: object) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        typeof value === "object" ? `${value.p50} / ${value.p95}` : value,
      ]),
    );
  console.log(`${sizes.chunks} chunks, ${run.encoder}, filled in ${run.fillSeconds} s; ${run.cores} cores`);
  console.table([sizes]);
  console.log("times: p50 / p95 in ms");
  if (retrieve !== undefined)
    console.table(Object.fromEntries(retrieve.map(({ percent, ...row }) => [`${percent} %`, timings(row)])));
  if (revoke !== undefined) console.table([timings(revoke)]);
  if (workers !== undefined) console.table(workers);
}
