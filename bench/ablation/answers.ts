import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Sample } from "#core/calibration/sample.ts";
import { calibratedFeatures } from "#core/retrieval/confidence.ts";
import type { CandidateLine } from "#services/cli/eval/candidates-file.ts";
import { depth, documentsBy, type OrderName } from "./orders.ts";

/** One judged answer, with the documents that each order puts first. */
export interface Answer {
  readonly sample: Sample;
  readonly split: "calib" | "test";
  readonly relevant: readonly string[];
  readonly ranked: Readonly<Record<OrderName, readonly string[]>>;
  /** As the service ranked them. */
  readonly served: readonly string[];
}

/** Reduces a line of `eval --candidates`. @throws Error for a question that has no features, because a request failed */
export function answerOf(line: CandidateLine): Answer {
  const { id, set, split, group, fold, answerable, features, relevant, hits, candidates } = line;
  if (features === null) throw new Error(`${set}: question "${id}" has no features`);
  const used = Object.entries(features).filter(([name]) => calibratedFeatures.includes(name));
  const by = (order: OrderName) => documentsBy(order, candidates);
  return {
    sample: { id, set, group: group ?? id, fold, answerable, features: Object.fromEntries(used) },
    split,
    relevant,
    ranked: {
      bm25: by("bm25"),
      dense: by("dense"),
      reciprocal: by("reciprocal"),
      fused: by("fused"),
      late: by("late"),
    },
    served: hits.slice(0, depth),
  };
}

/** Reads a file of `eval --candidates`, line by line: it may be larger than a string. */
export async function readAnswers(file: string): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    const line: CandidateLine = JSON.parse(text);
    answers.push(answerOf(line));
  }
  return answers;
}

/** The share of answers whose offline order by late interaction is the one that the service gave: 1, or the table speaks of something else. */
export function agreement(answers: readonly Answer[]): number {
  const same = answers.filter(({ ranked, served }) => ranked.late.join("\n") === served.join("\n"));
  return same.length / answers.length;
}
