import { statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { z } from "zod";
import type { Sample } from "#core/calibration/sample.ts";
import { limits } from "#core/limits.ts";
import { retrieveResponseSchema } from "#core/retrieval/response.ts";
import { connection, httpClient, path } from "../http-client.ts";
import { CommandError, progressBar, type Terminal, UsageError } from "../terminal.ts";
import type { Collected, FeatureOrigin } from "./features-file.ts";
import { readLines } from "./json-lines.ts";
import type { CalibrateOptions } from "./options.ts";

const labelSchema = z
  .looseObject({
    id: z.string().min(1),
    query: z.string().min(1).max(limits.queryChars).optional(),
    /** The name that evaluation sets use. */
    text: z.string().min(1).max(limits.queryChars).optional(),
    answerable: z.boolean(),
    fold: z.int().nonnegative().nullish(),
    split: z.string().nullish(),
    tenant: z.string().nullish(),
  })
  .refine((line) => line.query !== undefined || line.text !== undefined, { path: ["query"], message: "is missing" });

/** A judged question. */
export interface Label extends Omit<Sample, "features"> {
  readonly query: string;
}

type LabelOptions = Extract<CalibrateOptions, { kind: "labels" }>;

/**
 * Reads labelled questions from files, or from folders with a `queries.jsonl`; the set is named after the file or the folder.
 * @throws UsageError for what is not in the layout, a question twice, or when no question is left
 */
export function readLabels({ labels, split, groupBy, tenant }: LabelOptions): readonly Label[] {
  const found = labels.flatMap((given) => {
    const isFolder = statSync(given, { throwIfNoEntry: false })?.isDirectory() === true;
    const file = isFolder ? join(given, "queries.jsonl") : given;
    const inFolder = basename(file) === "queries.jsonl";
    const set = inFolder ? basename(dirname(resolve(file))) : basename(file, extname(file));
    return readLines(file, labelSchema).flatMap((line): Label[] => {
      if (split !== "all" && (line.split ?? split) !== split) return [];
      if (tenant !== undefined && (line.tenant ?? tenant) !== tenant) return [];
      const { id, answerable } = line;
      const group = line[groupBy];
      if (group !== undefined && group !== null && typeof group !== "string") {
        throw new UsageError(`${file}: question "${id}": ${groupBy} is not a text`);
      }
      const query = line.query ?? line.text ?? "";
      return [{ id, set, query, answerable, group: group ?? id, fold: line.fold ?? null }];
    });
  });
  if (found.length === 0) throw new UsageError("no question is left (see --split and --tenant)");
  const seen = new Set<string>();
  for (const { set, id } of found) {
    const key = JSON.stringify([set, id]);
    if (seen.has(key)) throw new UsageError(`question "${id}" of ${set} appears twice`);
    seen.add(key);
  }
  return found;
}

const traceSchema = z.looseObject({ features: z.record(z.string(), z.number()).nullable() });
/** Questions on their way at the same time. */
const concurrency = 4;

/**
 * Asks each question of the running service and takes the features from its trace.
 * @throws CommandError when a trace shows no features, or the embedding model changes meanwhile
 */
export async function askLabels(
  labels: readonly Label[],
  options: LabelOptions,
  { env, stderr }: Terminal,
): Promise<Collected> {
  const client = httpClient(connection(options, env));
  const samples: Sample[] = [];
  const origins = new Map<string, FeatureOrigin>();
  const bar = progressBar(stderr, "questions", labels.length);
  let next = 0;
  const work = async () => {
    for (let at = next++; at < labels.length; at = next++) {
      const label = labels[at];
      if (label === undefined) return;
      const { query, ...judged } = label;
      const response = await client.request({
        method: "POST",
        path: "/v1/retrieve",
        body: { query },
        schema: retrieveResponseSchema,
      });
      const trace = await client.request({
        method: "GET",
        path: path("v1", "retrievals", response.id),
        schema: traceSchema,
      });
      if (trace.features === null) {
        throw new CommandError(
          `question "${label.id}": the trace shows no features; the token needs explain on its tenant`,
        );
      }
      const origin = { model: response.versions.embedding_model, fingerprint: response.calibration.fingerprint };
      origins.set(JSON.stringify(origin), origin);
      samples[at] = { ...judged, features: trace.features };
      bar.tick();
    }
  };
  const ended = await Promise.allSettled(
    Array.from({ length: concurrency }, () =>
      work().catch((error: unknown) => {
        next = labels.length;
        throw error;
      }),
    ),
  );
  bar.end();
  const failure = ended.find((end) => end.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  if (origins.size > 1)
    throw new CommandError("the embedding model changed while the questions were asked: start again");
  return { samples, origin: [...origins.values()][0] ?? null };
}
