#!/usr/bin/env node
// node bench/calibration/main.ts --data DIR… [--split calib|test] [--vectors FILE] [--keep FOLDER] [--json]
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { readFeatures } from "#services/cli/calibrate/features-file.ts";
import { run } from "#services/cli/eval/eval.ts";
import { exitCodeOf, parseOptions, UsageError } from "#services/cli/terminal.ts";
import { conformalRow, type JudgedSet, selfRows, tablesOf } from "./figures.ts";
import { calibrateOnDocuments, modelOf } from "./own-documents.ts";

const usage = `usage: node bench/calibration/main.ts --data DIR… [options]

What calibrations are worth: one made by \`reticent calibrate --self\` of each set's documents alone, judged by the set's labels at the
default threshold; and the conformal threshold after a fit on the labels, on random folds, on folds cut by group, and on test after calib.

  --data DIR…        sets as \`reticent eval\` reads them, without tenants and access lists
  --split calib      judges \`--self\` on calib alone: for choosing; and leaves the conformal part out (default: both)
  --vectors FILE     keeps vectors from run to run, as \`reticent eval --vectors\`
  --keep FOLDER      keeps features and calibrations, and makes none that is there
  --json             prints JSON instead of Markdown
`;

process.exitCode = await exitCodeOf("calibration", main, process.stderr);

async function main(): Promise<number> {
  const { values, positionals } = parseOptions({
    args: process.argv.slice(2),
    // `--data A B` as a shell writes a list of folders.
    allowPositionals: true,
    options: {
      data: { type: "string", multiple: true },
      split: { type: "string" },
      vectors: { type: "string" },
      keep: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const folders = [...(values.data ?? []), ...positionals];
  if (folders.length === 0) throw new UsageError("--data is needed: a folder with a set");
  if (values.split !== undefined && values.split !== "calib") throw new UsageError("--split: calib, or nothing");
  const kept = values.keep ?? mkdtempSync(join(tmpdir(), "reticent-calibration-"));
  try {
    mkdirSync(kept, { recursive: true });
    const sets: JudgedSet[] = [];
    for (const folder of folders) sets.push(await judged(folder, kept, values.vectors));
    const chosen = values.split === "calib";
    const self = [...selfRows(sets, "calib"), ...(chosen ? [] : selfRows(sets, "test"))];
    const conformal = chosen ? [] : sets.map((set) => conformalRow(set, 0.05));
    process.stdout.write(
      values.json ? `${JSON.stringify({ self, conformal }, null, 2)}\n` : `${tablesOf(self, conformal)}\n`,
    );
    return 0;
  } finally {
    if (values.keep === undefined) rmSync(kept, { recursive: true, force: true });
  }
}

async function judged(folder: string, kept: string, vectors: string | undefined): Promise<JudgedSet> {
  const set = basename(resolve(folder));
  const [features, calibration] = [join(kept, `${set}.jsonl`), join(kept, `${set}.json`)];
  if (!existsSync(features)) {
    process.stderr.write(`${set}: questions\n`);
    const args = [folder, "--json", "--features", `${features}.part`];
    if (vectors !== undefined) args.push("--vectors", vectors);
    const code = await run(args, { stdout: { write: () => true }, stderr: process.stderr, env: process.env });
    if (code !== 0) throw new UsageError(`${folder}: the evaluation ended with exit code ${code}`);
    renameSync(`${features}.part`, features);
  }
  if (!existsSync(calibration)) {
    process.stderr.write(`${set}: documents\n`);
    await calibrateOnDocuments(folder, calibration, vectors);
  }
  const of = (split: "calib" | "test") => readFeatures([features], {}, split).samples;
  return { set, model: modelOf(calibration), calib: of("calib"), test: of("test") };
}
