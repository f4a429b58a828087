import { closeSync, openSync, writeSync } from "node:fs";
import type { Asked, CandidateRow } from "./asking.ts";
import type { DataPair } from "./dataset.ts";
import { type FeatureLine, featureLines } from "./features-file.ts";

/** A line of `--candidates`: a line of `--features` with everything that another order of the same candidates is judged by. */
export interface CandidateLine extends FeatureLine {
  /** Documents that answer the question, as far as this user may see them. */
  readonly relevant: readonly string[];
  /** The documents as the service ranked them, best first. */
  readonly hits: readonly string[];
  /** Every candidate chunk of the search, per tenant. */
  readonly candidates: readonly (readonly CandidateRow[])[];
}

/** Writes a line per judged answer, in the order of {@link featureLines}. One after the other: together they may be larger than a string. */
export function writeCandidates(
  file: string,
  set: string,
  run: readonly Asked[],
  judged: readonly { readonly pair: DataPair; readonly one: Asked }[],
): void {
  const answers =
    judged.length === 0
      ? run.map((one) => ({ one, relevant: one.query.relevant }))
      : judged.map(({ pair, one }) => ({ one, relevant: pair.visibleRelevant }));
  const lines = featureLines(set, run, judged);
  const target = openSync(file, "w");
  try {
    for (const [at, features] of lines.entries()) {
      const answer = answers[at];
      if (answer === undefined) continue;
      const { hits, rows } = answer.one;
      const line: CandidateLine = { ...features, relevant: answer.relevant, hits, candidates: rows };
      writeSync(target, `${JSON.stringify(line)}\n`);
    }
  } finally {
    closeSync(target);
  }
}
