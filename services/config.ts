import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import type { OpenAiOptions } from "#adapters/embedder-openai/options.ts";
import { type IssuerConfig, issuersSchema } from "#adapters/identity-jose/issuers.ts";
import {
  type AdapterConfig,
  adapterConfigOf,
  adapterProblems,
  adapterVariables,
  unshared,
} from "./adapter-settings.ts";
import { openAiOptions, openAiShape } from "./openai-settings.ts";
import type { Role } from "./process/roles.ts";

/** Everything that a running service needs to know. Only main files and the command line read the environment to make one. */
export interface ServiceConfig extends AdapterConfig {
  /** What this process does; said by the command that starts it. */
  readonly role: Role;
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly dataDir: string;
  readonly policyDir: string;
  /** Empty = the embedded issuer alone, whose key lies in the data directory. */
  readonly issuers: readonly IssuerConfig[];
  readonly audience: string;
  /** Where metrics are read; absent: nowhere. */
  readonly metrics?: { readonly host: string; readonly port: number };
  readonly rateLimitPerMinute: number;
  /** Longest time that one request may take, ms. */
  readonly deadlineMs: number;
  /** How long a replaced generation stays readable, ms; longer than the longest request. */
  readonly graceMs: number;
  /** Interval of the reconciler, ms. */
  readonly sweepMs: number;
  /** Interval at which the policy folder is looked at, ms. */
  readonly policyPollMs: number;
  /** A rejected policy edit older than this turns answers into 503, ms. */
  readonly rejectedPolicyMaxAgeMs: number;
  readonly traceRetention: { readonly maxAgeMs: number; readonly maxCount: number };
  readonly embedder: ConfiguredEmbedder;
  /** The encoder that the documents were indexed with so far, or that the deployment may go back to. */
  readonly previousEmbedder?: ConfiguredEmbedder;
  /** There exactly when one of the two is `openai`. */
  readonly openai?: OpenAiOptions;
  /** A file that keeps vectors from one evaluation to the next; no setting of a service. */
  readonly vectorFile?: string;
  /** Traces keep every candidate chunk, for evaluations that rank them in other ways; no setting of a service. */
  readonly traceEveryChunk?: boolean;
  readonly logLevel: "silent" | "fatal" | "error" | "warn" | "info" | "debug" | "trace";
}

/** The encoders that come with the project, the default first: a sentence encoder, and one over words and parts of words for tests. */
export const embedderNames = ["minilm", "hashed"] as const;
/** One of {@link embedderNames}. */
export type EmbedderName = (typeof embedderNames)[number];
/** What a deployment may be configured with: those, and a model behind an OpenAI-compatible endpoint. */
export const configuredEmbedders = [...embedderNames, "openai"] as const;
/** One of {@link configuredEmbedders}. */
export type ConfiguredEmbedder = (typeof configuredEmbedders)[number];

const dayMs = 86_400_000;
// Spelled out: converting would read an empty or blank value as 0, and 1e3 as a thousand.
const number = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "not a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max));
const whole = (min: number, max: number, fallback: number) => number(min, max).default(fallback);

const environmentSchema = z
  .object({
    RETICENT_HOST: z.string().min(1).default("127.0.0.1"),
    RETICENT_PORT: whole(0, 65_535, 8080),
    RETICENT_DATA: z.string().min(1).default("./data"),
    RETICENT_POLICIES: z.string().min(1).default("./policies"),
    RETICENT_ISSUERS: z.string().min(1).optional(),
    RETICENT_METRICS_HOST: z.string().min(1).default("127.0.0.1"),
    RETICENT_METRICS_PORT: number(0, 65_535).optional(),
    RETICENT_AUDIENCE: z.string().min(1).max(256).default("reticent"),
    RETICENT_RATE_LIMIT: whole(1, 1_000_000, 600),
    RETICENT_DEADLINE_MS: whole(100, 60_000, 10_000),
    RETICENT_GRACE_MS: whole(0, 600_000, 30_000),
    RETICENT_SWEEP_MS: whole(100, 600_000, 5_000),
    RETICENT_POLICY_POLL_MS: whole(50, 60_000, 500),
    RETICENT_REJECTED_POLICY_HOURS: whole(1, 24 * 365, 24),
    RETICENT_TRACE_DAYS: whole(0, 3_650, 30),
    RETICENT_TRACE_COUNT: whole(0, 10_000_000, 100_000),
    RETICENT_LOG_LEVEL: z.enum(["silent", "fatal", "error", "warn", "info", "debug", "trace"]).default("info"),
    RETICENT_EMBEDDER: z.enum(configuredEmbedders).default("minilm"),
    RETICENT_EMBEDDER_PREVIOUS: z.enum(configuredEmbedders).optional(),
    ...openAiShape,
    ...adapterVariables,
  })
  .superRefine((env, context) => {
    for (const { path, message } of adapterProblems(env)) context.addIssue({ code: "custom", path: [path], message });
  })
  .refine((env) => env.RETICENT_EMBEDDER_PREVIOUS !== env.RETICENT_EMBEDDER, {
    path: ["RETICENT_EMBEDDER_PREVIOUS"],
    message: "must be another encoder than RETICENT_EMBEDDER",
  })
  .refine((env) => env.RETICENT_GRACE_MS > env.RETICENT_DEADLINE_MS, {
    path: ["RETICENT_GRACE_MS"],
    message: "must be longer than RETICENT_DEADLINE_MS: a request in flight may still read the generation",
  });

/** Bad settings, all of them at once. */
export class ConfigError extends Error {
  /** One line each; where one variable is to blame, the line begins with it. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/**
 * Reads the settings from environment variables named `RETICENT_…`.
 * @param role what the process is to do: one of several needs adapters that they can share
 * @throws ConfigError that names every bad setting, an unknown `RETICENT_…` variable of the service included.
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>, role: Role = "all"): ServiceConfig {
  const given = settingsIn(env);
  const known = new Set(Object.keys(environmentSchema.shape));
  const unknown = Object.keys(given).filter(
    (name) => name.startsWith("RETICENT_") && !known.has(name) && !otherNames.has(name),
  );
  const parsed = environmentSchema.safeParse(given);
  const problems = unknown.map((name) => `${name} is not a setting`);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`));
  }
  const openai = parsed.success && usesOpenAi(parsed.data) ? openAiOf(parsed.data, problems) : undefined;
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const settings = parsed.data;
  const adapters = adapterConfigOf(settings);
  const own = role === "all" ? [] : unshared(adapters.adapters);
  if (own.length > 0) {
    throw new ConfigError([`a ${role} process shares everything with the others; it cannot use ${own.join(", ")}`]);
  }
  return {
    role,
    ...adapters,
    host: settings.RETICENT_HOST,
    port: settings.RETICENT_PORT,
    dataDir: resolve(settings.RETICENT_DATA),
    policyDir: resolve(settings.RETICENT_POLICIES),
    issuers: settings.RETICENT_ISSUERS === undefined ? [] : readIssuers(settings.RETICENT_ISSUERS),
    audience: settings.RETICENT_AUDIENCE,
    ...(settings.RETICENT_METRICS_PORT === undefined
      ? {}
      : { metrics: { host: settings.RETICENT_METRICS_HOST, port: settings.RETICENT_METRICS_PORT } }),
    rateLimitPerMinute: settings.RETICENT_RATE_LIMIT,
    deadlineMs: settings.RETICENT_DEADLINE_MS,
    graceMs: settings.RETICENT_GRACE_MS,
    sweepMs: settings.RETICENT_SWEEP_MS,
    policyPollMs: settings.RETICENT_POLICY_POLL_MS,
    rejectedPolicyMaxAgeMs: settings.RETICENT_REJECTED_POLICY_HOURS * 3_600_000,
    traceRetention: { maxAgeMs: settings.RETICENT_TRACE_DAYS * dayMs, maxCount: settings.RETICENT_TRACE_COUNT },
    embedder: settings.RETICENT_EMBEDDER,
    ...(settings.RETICENT_EMBEDDER_PREVIOUS === undefined
      ? {}
      : { previousEmbedder: settings.RETICENT_EMBEDDER_PREVIOUS }),
    ...(openai === undefined ? {} : { openai }),
    logLevel: settings.RETICENT_LOG_LEVEL,
  };
}

type Settings = z.infer<typeof environmentSchema>;

const usesOpenAi = ({ RETICENT_EMBEDDER, RETICENT_EMBEDDER_PREVIOUS }: Settings): boolean =>
  [RETICENT_EMBEDDER, RETICENT_EMBEDDER_PREVIOUS].includes("openai");

const openAiOf = (settings: Settings, problems: string[]): OpenAiOptions | undefined =>
  openAiOptions(settings, settings.RETICENT_DEADLINE_MS, (problem) => problems.push(problem));

/**
 * An environment without its empty variables. `RETICENT_PORT=` in a file of settings, or an empty value of a container's definition, means
 * "not set"; it must not mean "any free port".
 */
export function settingsIn(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
}

/**
 * Variables of the command-line clients and of docker-compose.yml: no mistake in the environment of a service, where whoever
 * exports them for compose gives them to every command beside it too.
 */
const otherNames: ReadonlySet<string> = new Set([
  "RETICENT_URL",
  "RETICENT_TOKEN",
  "RETICENT_REDIS_PASSWORD",
  "RETICENT_QUERY_PORT",
  "RETICENT_INDEXER_PORT",
]);

/** The settings of an environment without any variable, with some of them replaced. */
export function defaultConfig(overrides: Partial<ServiceConfig> = {}): ServiceConfig {
  return { ...parseConfig({}), ...overrides };
}

function readIssuers(file: string): readonly IssuerConfig[] {
  try {
    return issuersSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const why = issuersProblem(error);
    throw new ConfigError([`RETICENT_ISSUERS: ${file}: ${why}`]);
  }
}

/** A parser's own words would quote the file, which may be another one than was meant. */
function issuersProblem(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error).replaceAll("\n", " ");
  if (error instanceof SyntaxError) return "it is not JSON";
  return error instanceof Error && "code" in error ? `it cannot be read (${String(error.code)})` : "it cannot be read";
}
