import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { AdapterConfig } from "#services/adapter-settings.ts";
import { type ConfiguredEmbedder, configuredEmbedders } from "#services/config.ts";
import { integerOption, parseOptions, type Terminal, UsageError } from "../terminal.ts";
import { adaptersIn } from "./adapters.ts";

/** Queries that a figure is computed on. */
export const splits = ["calib", "test", "all"] as const;
export type Split = (typeof splits)[number];

/** What `reticent eval` was asked to do. */
export interface EvalOptions {
  readonly folder: string;
  readonly name: string;
  /** Figures are of this split. */
  readonly split: Split;
  /** True when the split was named: then other queries are not asked, unless a set has access lists. */
  readonly splitGiven: boolean;
  /** Only the first queries of the split; absent = all. */
  readonly limit: number | undefined;
  readonly json: boolean;
  readonly runFile: string | undefined;
  readonly pairsFile: string | undefined;
  readonly featuresFile: string | undefined;
  readonly candidatesFile: string | undefined;
  readonly htmlFile: string | undefined;
  /** A report of an earlier run to compare with. */
  readonly baselineFile: string | undefined;
  readonly superseded: boolean;
  readonly isolation: boolean;
  /** Absent = the policy folder's own, or the project's. */
  readonly trustFile: string | undefined;
  readonly embedder: ConfiguredEmbedder;
  /** Where the instance keeps its data; absent = in one process, with no other server. */
  readonly adapters: AdapterConfig | undefined;
  /** Keeps vectors from run to run. */
  readonly vectorFile: string | undefined;
}

/** What `reticent eval --help` prints. */
export const usage = `usage: reticent eval DIR [options]
       reticent eval record --help
       reticent eval parity --help

Indexes a set (corpus.jsonl, queries.jsonl and, where it has them, acl.jsonl with principals.json, visibility.jsonl,
users_visible.jsonl) in a fresh instance of the service, asks its queries over HTTP, and measures answers, abstentions and leaks.
A set of one's own has a set.yaml instead, which names a folder of documents as \`reticent sync\` reads it, and a policy folder.
Intervals are 95 % bootstrap intervals; where the queries have groups (articles, products), whole groups are resampled.

  --split calib|test|all  the queries that figures are computed on (default test)
  --limit N               only the first N queries
  --json                  one JSON object on standard output instead of tables
  --run FILE              write a line per query: {"id","score","hits"}; without --split for the queries of all splits. In a set with
                          access lists each query is asked by the user who may read most of its relevant documents.
  --pairs FILE            write a line per user and query: {"user","query","score","outcome","reason","hits","passages",
                          "gates","features"}; what \`reticent eval parity\` compares
  --features FILE         write a line per judged query: {"id","set","split","fold","group","answerable","confidence","features"}; in a set
                          with access lists per judged user and query, id and user named. Without --split for the queries of all splits.
  --candidates FILE       write the lines of --features with {"relevant","hits","candidates"}: every candidate chunk of the search, per tenant, as
                          [document, similarity, BM25, fused, late interaction], for comparing ways to rank; in a set with access
                          lists only judged users and queries are asked, so leaks are looked for in these alone
  --html FILE             write the report as one HTML page, without scripts or anything from outside
  --baseline FILE         compare with the --json report of an earlier run of the same set, split and queries: a figure that dropped by
                          more than its noise fails. FILE may be a folder with a baseline.MODEL.json for each model.
  --superseded            add superseded.jsonl and acl-superseded.jsonl, and count outdated versions above current ones
  --isolation             compare responses with those of instances that hold only the user's visible documents
  --embedder NAME         minilm (default), hashed, or openai as the settings RETICENT_OPENAI_… say
  --adapters environment  run on the adapters that RETICENT_LEDGER, RETICENT_INDEX and the other settings of adapters choose (default embedded), under a
                          namespace of its own on their servers, which is erased afterwards; nothing of a deployment there is touched
  --vectors FILE          keep vectors in this file, so that the next run embeds nothing twice
  --trust FILE            take the floors and thresholds of the embedding models from here (default: the set's policy folder,
                          or the project's)

Exit code: 1 when anything hidden came out, a visible set differs from the oracle, a response differs in isolation, a request failed,
an expected outcome did not come, or a figure dropped against the baseline; 2 when it is used wrongly.
`;

/**
 * Reads the arguments of `reticent eval`; `undefined` when help is asked for.
 * @throws UsageError with one line that says what is wrong.
 */
export function readOptions(args: readonly string[], env: Terminal["env"] = {}): EvalOptions | undefined {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      split: { type: "string" },
      limit: { type: "string" },
      json: { type: "boolean" },
      run: { type: "string" },
      pairs: { type: "string" },
      features: { type: "string" },
      candidates: { type: "string" },
      html: { type: "string" },
      baseline: { type: "string" },
      superseded: { type: "boolean" },
      isolation: { type: "boolean" },
      trust: { type: "string" },
      embedder: { type: "string" },
      adapters: { type: "string" },
      vectors: { type: "string" },
    },
  });
  if (values.help === true) return undefined;
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0)
    throw new UsageError("one folder with a set is needed: reticent eval DIR");
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`${folder} is not a folder`);
  }
  const split = splits.find((name) => name === (values.split ?? "test"));
  if (split === undefined) throw new UsageError(`--split: ${splits.join(", ")}, not "${values.split}"`);
  const embedder = configuredEmbedders.find((name) => name === (values.embedder ?? configuredEmbedders[0]));
  if (embedder === undefined)
    throw new UsageError(`--embedder: ${configuredEmbedders.join(", ")}, not "${values.embedder}"`);
  const { adapters = "embedded" } = values;
  if (adapters !== "embedded" && adapters !== "environment")
    throw new UsageError(`--adapters: embedded, environment, not "${adapters}"`);
  return {
    folder,
    name: basename(resolve(folder)),
    split,
    splitGiven: values.split !== undefined,
    limit: integerOption("limit", values.limit, { min: 1, max: 1_000_000 }),
    json: values.json === true,
    runFile: values.run,
    pairsFile: values.pairs,
    featuresFile: values.features,
    candidatesFile: values.candidates,
    htmlFile: values.html,
    baselineFile: values.baseline,
    superseded: values.superseded === true,
    isolation: values.isolation === true,
    trustFile: values.trust,
    embedder,
    adapters: adapters === "environment" ? adaptersIn(env) : undefined,
    vectorFile: values.vectors,
  };
}
