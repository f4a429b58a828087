import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { UsageError } from "../terminal.ts";
import { pairKey } from "./figures.ts";

/** A line of `--pairs`: what a user got for a query. */
const pairLineSchema = z.object({
  user: z.string(),
  query: z.string(),
  /** Confidence, 0 … 1. */
  score: z.number(),
  outcome: z.enum(["answered", "abstained", "error"]),
  reason: z.string().nullable(),
  /** Ranked documents before the floor and confidence gates. */
  hits: z.array(z.string()).readonly(),
  /** `id#start-end` of what was returned. */
  passages: z.array(z.string()).readonly(),
  gates: z.object({ floor: z.number(), threshold: z.number() }).nullable(),
  features: z.record(z.string(), z.number()).nullable(),
});
/** What stands in a line of `--pairs`. */
export type PairLine = Readonly<z.infer<typeof pairLineSchema>>;

/**
 * Reads a file of `--pairs`, by user and query.
 * @throws UsageError that names the line
 */
export function readPairs(file: string): ReadonlyMap<string, PairLine> {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) throw new UsageError(`${file} is not a file`);
  const lines = readFileSync(file, "utf8").split("\n");
  const pairs = new Map<string, PairLine>();
  for (const [at, text] of lines.entries()) {
    if (text === "") continue;
    const line = pairLineSchema.safeParse(jsonOf(text));
    if (!line.success) throw new UsageError(`${file}:${at + 1}: not a line of reticent eval --pairs`);
    const name = pairKey(line.data.user, line.data.query);
    if (pairs.has(name)) throw new UsageError(`${file}:${at + 1}: the same user and query a second time`);
    pairs.set(name, line.data);
  }
  if (pairs.size === 0) throw new UsageError(`${file} is empty`);
  return pairs;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The lines of two files side by side.
 * @throws UsageError when they are not of the same users and queries
 */
export function matched(
  nameA: string,
  a: ReadonlyMap<string, PairLine>,
  nameB: string,
  b: ReadonlyMap<string, PairLine>,
): readonly (readonly [PairLine, PairLine])[] {
  const pairs = [...a].flatMap(([name, one]) => {
    const other = b.get(name);
    return other === undefined ? [] : [[one, other] as const];
  });
  if (pairs.length !== a.size || pairs.length !== b.size) {
    const counts = `${a.size} and ${b.size} pairs, ${pairs.length} of them in both`;
    throw new UsageError(`${nameA} and ${nameB} are not of the same users and queries: ${counts}`);
  }
  return pairs;
}
