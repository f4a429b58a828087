import { z } from "zod";
import { redisUrlProblem } from "#adapters/redis/url.ts";

/** The adapter behind each port that has more than one, but for the encoder. */
export interface AdapterNames {
  readonly ledger: "sqlite" | "redis";
  readonly index: "sqlite" | "qdrant";
  readonly queue: "local" | "bullmq";
  readonly traces: "sqlite" | "redis";
}

/** Where the Redis servers are. */
export interface RedisConfig {
  /** Ledger, content store, probes, traces. `redis://` or `rediss://`, with user and password where the server wants them. */
  readonly url: string;
  /** The queue; nothing in it is needed for correctness, so it may be another server with cheaper settings. */
  readonly queueUrl: string;
  /** `always` refuses a server that could lose what it acknowledged; `relaxed` runs on it and says so. */
  readonly durability: "always" | "relaxed";
  /** What every key of this deployment begins with. */
  readonly namespace: string;
}

/** Where Qdrant is, and how it is searched. */
export interface QdrantConfig {
  readonly url: string;
  readonly apiKey?: string;
  /** What the name of every collection of this deployment begins with. */
  readonly namespace: string;
  /** Up to this many visible chunks every search is exact. */
  readonly exactChunks: number;
  /** Above them: search approximately (every response then says so), or exactly all the same. */
  readonly isApproximateAllowed: boolean;
}

/** What stands behind the ports of a process. */
export interface AdapterConfig {
  readonly adapters: AdapterNames;
  /** Present when an adapter is on Redis. */
  readonly redis?: RedisConfig;
  /** Present when the index is in Qdrant. */
  readonly qdrant?: QdrantConfig;
}

/** Problems are told without the value, which may hold a password. */
const checked = (problemOf: (value: string) => string | undefined) =>
  z.string().superRefine((value, context) => {
    const message = problemOf(value);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

/** What the client would put into an error, credentials and all, or take for a part of the path. */
function qdrantUrlProblem(value: string): string | undefined {
  const url = URL.parse(value);
  if (url === null || !/^https?:\/\/[^\s]*$/i.test(value)) return "not a URL that starts with http:// or https://";
  if (url.username !== "" || url.password !== "") return "has a user name; the key is RETICENT_QDRANT_API_KEY";
  return /[?#]/.test(value) ? "has a query or a fragment, which nothing reads" : undefined;
}

/** Environment variables that choose adapters. */
export const adapterVariables = {
  RETICENT_LEDGER: z.enum(["sqlite", "redis"]).default("sqlite"),
  RETICENT_INDEX: z.enum(["sqlite", "qdrant"]).default("sqlite"),
  RETICENT_QUEUE: z.enum(["local", "bullmq"]).default("local"),
  RETICENT_TRACES: z.enum(["sqlite", "redis"]).optional(),
  RETICENT_REDIS_URL: checked(redisUrlProblem).optional(),
  RETICENT_QUEUE_REDIS_URL: checked(redisUrlProblem).optional(),
  RETICENT_NAMESPACE: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "not a word of at most 64 letters, digits, '.', '_' and '-'")
    .default("reticent"),
  RETICENT_LEDGER_DURABILITY: z.enum(["always", "relaxed"]).default("always"),
  RETICENT_QDRANT_URL: checked(qdrantUrlProblem).optional(),
  // What no header can hold would be an error of every request, and one that quotes it.
  RETICENT_QDRANT_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]{1,4096}$/, "not a key: empty, too long, or with characters that no header holds")
    .optional(),
  RETICENT_EXACT_CHUNKS: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, "not a whole number above 0")
    .transform(Number)
    .default(200_000),
  RETICENT_APPROXIMATE: z.enum(["refuse", "allow"]).default("refuse"),
} as const;

const schema = z.object(adapterVariables);
/** The variables, read. */
export type AdapterVariables = z.infer<typeof schema>;

/** What does not fit together, each with the variable to change. */
export function adapterProblems(
  given: AdapterVariables,
): readonly { readonly path: string; readonly message: string }[] {
  const { adapters, redis } = adapterConfigOf(given);
  const problems: { path: string; message: string }[] = [];
  const needs = (path: keyof AdapterVariables, message: string): void => void problems.push({ path, message });
  if (adapters.index === "sqlite" && adapters.ledger !== "sqlite")
    needs(
      "RETICENT_INDEX",
      "the embedded index lies beside the embedded ledger; with RETICENT_LEDGER=redis use qdrant",
    );
  const onRedis = adapters.ledger === "redis" || adapters.traces === "redis";
  if (onRedis && given.RETICENT_REDIS_URL === undefined) needs("RETICENT_REDIS_URL", "needed by what is on Redis");
  if (adapters.queue === "bullmq" && redis === undefined)
    needs("RETICENT_QUEUE_REDIS_URL", "needed by RETICENT_QUEUE=bullmq, unless RETICENT_REDIS_URL is set");
  if (adapters.index === "qdrant" && given.RETICENT_QDRANT_URL === undefined)
    needs("RETICENT_QDRANT_URL", "needed by RETICENT_INDEX=qdrant");
  return problems;
}

/** The variables as the service wants them. */
export function adapterConfigOf(given: AdapterVariables): AdapterConfig {
  const { RETICENT_LEDGER: ledger, RETICENT_INDEX: index, RETICENT_QUEUE: queue } = given;
  const { RETICENT_TRACES: traces = ledger, RETICENT_REDIS_URL: url, RETICENT_QDRANT_URL: qdrantUrl } = given;
  const { RETICENT_QDRANT_API_KEY: apiKey, RETICENT_NAMESPACE: namespace } = given;
  const queueUrl = given.RETICENT_QUEUE_REDIS_URL ?? url;
  return {
    adapters: { ledger, index, queue, traces },
    ...(queueUrl === undefined
      ? {}
      : { redis: { url: url ?? queueUrl, queueUrl, durability: given.RETICENT_LEDGER_DURABILITY, namespace } }),
    ...(qdrantUrl === undefined
      ? {}
      : {
          qdrant: {
            url: qdrantUrl,
            namespace,
            ...(apiKey === undefined ? {} : { apiKey }),
            exactChunks: given.RETICENT_EXACT_CHUNKS,
            isApproximateAllowed: given.RETICENT_APPROXIMATE === "allow",
          },
        }),
  };
}

/** Adapters that belong to one process alone: other processes would see none of it. */
export function unshared({ ledger, index, queue, traces }: AdapterNames): readonly string[] {
  return [
    ...(ledger === "sqlite" ? ["RETICENT_LEDGER=sqlite"] : []),
    ...(index === "sqlite" ? ["RETICENT_INDEX=sqlite"] : []),
    ...(queue === "local" ? ["RETICENT_QUEUE=local"] : []),
    ...(traces === "sqlite" ? ["RETICENT_TRACES=sqlite"] : []),
  ];
}
