import { basename, extname } from "node:path";
import { z } from "zod";
import { featureNameSchema } from "#core/calibration/calibration-file.ts";
import type { Sample } from "#core/calibration/sample.ts";
import { UsageError } from "../terminal.ts";
import { readLines } from "./json-lines.ts";

/** What features came from: they are comparable only within one fingerprint. */
export interface FeatureOrigin {
  readonly model: string;
  readonly fingerprint: string;
}

/** Judged questions with their features, all of one origin; `null` where nobody said which. */
export interface Collected {
  readonly samples: readonly Sample[];
  readonly origin: FeatureOrigin | null;
}

const lineSchema = z.strictObject({
  id: z.string().min(1),
  set: z.string().min(1).optional(),
  group: z.string().min(1).nullish(),
  fold: z.int().nonnegative().nullish(),
  answerable: z.boolean(),
  features: z.record(featureNameSchema, z.number()),
  model: z.string().min(1).optional(),
  fingerprint: z.string().min(1).optional(),
  split: z.string().nullish(),
  // What an evaluation writes beside: of no use here.
  confidence: z.number().nullish(),
  kind: z.string().nullish(),
  user: z.string().nullish(),
});

/** The lines that `--features-out` writes and `--features` reads. */
export function featureLines({ samples, origin }: Collected): string {
  return samples.map((sample) => `${JSON.stringify({ ...sample, ...origin })}\n`).join("");
}

/**
 * Reads feature files. A line without a set belongs to one named after its file, one without a group to a group of its own.
 * @param split the questions that are used, where a line names a split
 * @throws UsageError for what is not in the layout, a question twice in a set with the same judgement, or features of two models
 */
export function readFeatures(
  files: readonly string[],
  given: Partial<FeatureOrigin>,
  split: "calib" | "test" | "all" = "calib",
): Collected {
  const samples: Sample[] = [];
  const origins = new Map<string, Partial<FeatureOrigin>>();
  for (const file of files) {
    for (const line of readLines(file, lineSchema)) {
      if (split !== "all" && (line.split ?? split) !== split) continue;
      const set = line.set ?? basename(file, extname(file));
      const { id, answerable, features } = line;
      samples.push({ id, set, group: line.group ?? id, answerable, features, fold: line.fold ?? null });
      const { model = given.model, fingerprint = given.fingerprint } = line;
      origins.set(JSON.stringify([model, fingerprint]), {
        ...(model && { model }),
        ...(fingerprint && { fingerprint }),
      });
    }
  }
  const seen = new Set<string>();
  for (const { set, id, answerable } of samples) {
    const key = JSON.stringify([set, id, answerable]);
    if (seen.has(key)) throw new UsageError(`question "${id}" of ${set} appears twice`);
    seen.add(key);
  }
  if (origins.size > 1) throw new UsageError("the features come from more than one model or fingerprint");
  const [origin] = origins.values();
  const { model, fingerprint } = origin ?? {};
  return { samples, origin: model === undefined || fingerprint === undefined ? null : { model, fingerprint } };
}
