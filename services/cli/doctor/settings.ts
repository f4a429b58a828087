import { ConfigError, parseConfig, type ServiceConfig, settingsIn } from "#services/config.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A part of the deployment that settings decide about. */
export type Area = "ledger" | "traces" | "queue" | "index" | "encoder" | "identity";

/** The settings, as far as they can be understood. */
export interface ReadSettings {
  /** Wherever a setting is bad, a default stands in its place; what is in {@link spoilt} must not be looked at. */
  readonly config: ServiceConfig;
  /** Names of the variables that are set. */
  readonly given: readonly string[];
  /** What is wrong, each beginning with its variable. */
  readonly problems: readonly string[];
  /** Parts that nothing can be said about, each with the variable that is to blame. */
  readonly spoilt: ReadonlyMap<Area, string>;
}

/** More bad settings than this are one mistake: another program's environment. */
const mostRounds = 60;

/** Reads the settings of a service, and goes on without those that are bad, so that one of them does not hide the rest of the deployment. */
export function readSettings(env: Environment): ReadSettings {
  const given = settingsIn(env);
  const repaired: Record<string, string | undefined> = { ...given };
  const problems: string[] = [];
  const spoilt = new Map<Area, string>();
  const names = Object.keys(given).filter((name) => name.startsWith("RETICENT_"));
  for (let round = 0; round < mostRounds; round++) {
    try {
      const config = parseConfig(
        Object.fromEntries(Object.entries(repaired).filter(([, value]) => value !== undefined)),
      );
      return { config, given: names.toSorted(), problems, spoilt };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) {
        const [name = ""] = /^RETICENT_[A-Z0-9_]+/.exec(problem) ?? [];
        // What a repair brought about is no news.
        if (!isRepair(name, given, repaired)) problems.push(problem);
        repair(name, repaired, spoilt);
      }
    }
  }
  const all: readonly Area[] = ["ledger", "traces", "queue", "index", "encoder", "identity"];
  return {
    config: parseConfig({}),
    given: names.toSorted(),
    problems,
    spoilt: new Map(all.map((area) => [area, problems[0]?.split(":")[0] ?? "the settings"])),
  };
}

const isRepair = (name: string, given: Environment, repaired: Environment): boolean =>
  given[name] !== repaired[name] ||
  (name === "RETICENT_GRACE_MS" && repaired.RETICENT_DEADLINE_MS !== given.RETICENT_DEADLINE_MS);

/** Takes a bad variable out of an environment, and puts the embedded adapter where nothing can be known without it. */
function repair(name: string, env: Record<string, string | undefined>, spoilt: Map<Area, string>): void {
  const spoil = (area: Area): void => {
    if (!spoilt.has(area)) spoilt.set(area, name);
  };
  const before = { ...env };
  const wasGone = env[name] === undefined;
  env[name] = undefined;
  const tracesFollow = before.RETICENT_TRACES === undefined;
  const spoilLedger = (): void => {
    spoil("ledger");
    if (tracesFollow) spoil("traces");
    env.RETICENT_LEDGER = undefined;
  };
  const spoilIndex = (): void => {
    spoil("index");
    env.RETICENT_INDEX = "qdrant";
    env.RETICENT_QDRANT_URL = "http://127.0.0.1";
  };
  if (name === "RETICENT_LEDGER") spoilLedger();
  else if (name === "RETICENT_NAMESPACE") {
    // Under another one, the servers hold another deployment.
    if (before.RETICENT_LEDGER === "redis") spoilLedger();
    if (before.RETICENT_TRACES === "redis") {
      spoil("traces");
      env.RETICENT_TRACES = undefined;
    }
    if (before.RETICENT_QUEUE === "bullmq") spoilQueue(env, spoil);
    if (before.RETICENT_INDEX === "qdrant") spoilIndex();
  } else if (name === "RETICENT_TRACES") spoil("traces");
  else if (name === "RETICENT_QUEUE") spoil("queue");
  else if (name === "RETICENT_INDEX") spoilIndex();
  else if (name === "RETICENT_REDIS_URL") {
    if (before.RETICENT_QUEUE === "bullmq" && before.RETICENT_QUEUE_REDIS_URL === undefined) spoilQueue(env, spoil);
    if (before.RETICENT_TRACES === "redis") {
      spoil("traces");
      env.RETICENT_TRACES = undefined;
    }
    if (before.RETICENT_LEDGER === "redis") spoilLedger();
  } else if (name === "RETICENT_QUEUE_REDIS_URL") {
    if (before.RETICENT_QUEUE === "bullmq") spoilQueue(env, spoil);
  } else if (name === "RETICENT_LEDGER_DURABILITY") {
    if (before.RETICENT_LEDGER === "redis") spoil("ledger");
  } else if (/^RETICENT_(QDRANT|EXACT|APPROXIMATE)/.test(name)) {
    if (before.RETICENT_INDEX === "qdrant") spoilIndex();
  } else if (name === "RETICENT_EMBEDDER" || name.startsWith("RETICENT_OPENAI_")) {
    spoil("encoder");
    env.RETICENT_EMBEDDER = "hashed";
    env.RETICENT_EMBEDDER_PREVIOUS = undefined;
  } else if (name === "RETICENT_ISSUERS") spoil("identity");
  // The default grace may be shorter than a deadline that is very long.
  else if (name === "RETICENT_GRACE_MS" && wasGone) env.RETICENT_DEADLINE_MS = undefined;
}

function spoilQueue(env: Record<string, string | undefined>, spoil: (area: Area) => void): void {
  spoil("queue");
  env.RETICENT_QUEUE = undefined;
}
