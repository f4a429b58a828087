#!/usr/bin/env node
// node bench/ablation/main.ts --data DIR… [--no-hashed SET]… [--vectors FILE] [--keep FOLDER] [--json] [--markdown FILE]
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { run } from "#services/cli/eval/eval.ts";
import { exitCodeOf, parseOptions, UsageError } from "#services/cli/terminal.ts";
import { type EmbedderName, embedderNames } from "#services/config.ts";
import { type Answer, agreement, readAnswers } from "./answers.ts";
import { confidenceTable, togetherWith } from "./confidence.ts";
import { type Report, tablesOf, withTables } from "./markdown.ts";
import { rankingTable, sameQuestions } from "./ranking.ts";

const usage = `usage: node bench/ablation/main.ts --data DIR… [options]

What each part of the ranking and of the confidence is worth on evaluation sets: one evaluation per set and encoder, from whose candidates
and features every other row is worked out. Figures are of the test questions, constants are fitted on the calibration questions alone.

  --data DIR…      sets as \`reticent eval\` reads them
  --no-hashed SET  does not ask the hashed encoder on this set, for a large one; its cells stay empty
  --vectors FILE   keeps vectors from run to run, as \`reticent eval --vectors\`
  --keep FOLDER    keeps what the evaluations wrote, and does not repeat an evaluation that is there
  --json           print the report as JSON instead of Markdown
  --markdown FILE  write the tables into this page, in the place of those that it has
`;

process.exitCode = await exitCodeOf("ablation", main, process.stderr);

async function main(): Promise<number> {
  const { values, positionals } = parseOptions({
    args: process.argv.slice(2),
    // `--data A B` as a shell writes a list of folders.
    allowPositionals: true,
    options: {
      data: { type: "string", multiple: true },
      vectors: { type: "string" },
      "no-hashed": { type: "string", multiple: true, default: [] },
      keep: { type: "string" },
      json: { type: "boolean", default: false },
      markdown: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const folders = [...(values.data ?? []), ...positionals];
  if (folders.length === 0) throw new UsageError("--data is needed: a folder with a set");
  const names = folders.map((folder) => basename(resolve(folder)));
  const unknown = values["no-hashed"].find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`--no-hashed: "${unknown}" is none of the sets`);
  if (new Set(names).size < names.length) throw new UsageError("--data: two sets have the same name");

  const kept = values.keep ?? mkdtempSync(join(tmpdir(), "reticent-ablation-"));
  try {
    mkdirSync(kept, { recursive: true });
    const answers: Record<EmbedderName, (readonly Answer[])[]> = { minilm: [], hashed: [] };
    for (const folder of folders) {
      for (const encoder of embedderNames) {
        if (encoder === "hashed" && values["no-hashed"].includes(basename(resolve(folder)))) {
          answers.hashed.push([]);
          continue;
        }
        const file = join(kept, `${basename(resolve(folder))}.${encoder}.jsonl`);
        await evaluated(folder, encoder, file, values.vectors);
        answers[encoder].push(await readAnswers(file));
      }
    }
    const report = reportOf(names, answers);
    if (values.markdown !== undefined) {
      const page = existsSync(values.markdown) ? readFileSync(values.markdown, "utf8") : "";
      writeFileSync(values.markdown, withTables(page, tablesOf(report)));
    }
    process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${tablesOf(report)}\n`);
    return 0;
  } finally {
    if (values.keep === undefined) rmSync(kept, { recursive: true, force: true });
  }
}

/** Runs one evaluation, unless its file is there. The hashed encoder is only ranked with, on test questions. */
async function evaluated(folder: string, encoder: EmbedderName, file: string, vectors: string | undefined) {
  if (existsSync(file)) return;
  const part = `${file}.part`;
  const args = [folder, "--json", "--embedder", encoder, "--candidates", part];
  if (encoder === "hashed") args.push("--split", "test");
  if (encoder === "minilm" && vectors !== undefined) args.push("--vectors", vectors);
  process.stderr.write(`${basename(resolve(folder))}, ${encoder}\n`);
  const code = await run(args, { stdout: { write: () => true }, stderr: process.stderr, env: process.env });
  if (code !== 0) throw new UsageError(`${folder}: the evaluation ended with exit code ${code}`);
  renameSync(part, file);
}

function reportOf(names: readonly string[], { minilm, hashed }: Record<EmbedderName, (readonly Answer[])[]>): Report {
  for (const [at, name] of names.entries()) {
    const other = hashed[at] ?? [];
    if (other.length > 0 && !sameQuestions(minilm[at] ?? [], other)) {
      throw new Error(`${name}: the two encoders were asked different questions; remove the kept files of the set`);
    }
  }
  const together = togetherWith(minilm);
  return {
    made: new Date().toISOString().slice(0, 10),
    model: "all-minilm-l6-v2 (int8) and the hashed encoder",
    sets: names.map((set, at) => {
      const own = minilm[at] ?? [];
      const test = own.filter(({ split }) => split === "test");
      return {
        set,
        calib: own.length - test.length,
        test: test.length,
        answerable: test.filter(({ sample }) => sample.answerable).length,
        as_served: agreement(own),
        left_out_with: (together[at] ?? []).flatMap((other) => (other === at ? [] : (names[other] ?? []))),
      };
    }),
    ranking: rankingTable({ minilm, hashed }),
    confidence: confidenceTable({ sets: minilm, together }),
  };
}
