import { randomBytes } from "node:crypto";
import { eraseCollections } from "#adapters/index-qdrant/erase.ts";
import { eraseKeys } from "#adapters/redis/erase.ts";
import { type AdapterConfig, adapterVariables } from "#services/adapter-settings.ts";
import { ConfigError, parseConfig } from "#services/config.ts";
import { UsageError } from "../terminal.ts";

/**
 * The adapters that the settings of an environment choose. Everything else there, the namespace above all, is of the deployment's own processes and
 * does not count.
 * @throws UsageError for settings that do not fit together
 */
export function adaptersIn(env: Readonly<Record<string, string | undefined>>): AdapterConfig {
  const names = Object.keys(adapterVariables).filter((name) => name !== "RETICENT_NAMESPACE");
  try {
    const { adapters, redis, qdrant } = parseConfig(Object.fromEntries(names.map((name) => [name, env[name]])));
    return { adapters, ...(redis === undefined ? {} : { redis }), ...(qdrant === undefined ? {} : { qdrant }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UsageError(`--adapters environment: ${error.message}`, { cause: error });
  }
}

/** What every namespace of an evaluation begins with. */
export const namespacePrefix = "reticent-eval-";

/** Adapters under a name that nobody else has, so that an evaluation shares servers with deployments and touches nothing of theirs. */
export interface OwnAdapters extends AdapterConfig {
  /** Erases what lies on the servers under that name, keys and collections. */
  erase(): Promise<void>;
}

/** The same adapters under a new name of an evaluation's own. */
export function underOwnName({ adapters, redis, qdrant }: AdapterConfig): OwnAdapters {
  const namespace = `${namespacePrefix}${randomBytes(8).toString("hex")}`;
  const usesRedis = [adapters.ledger, adapters.queue, adapters.traces].some(
    (one) => one === "redis" || one === "bullmq",
  );
  return {
    adapters,
    ...(redis === undefined ? {} : { redis: { ...redis, namespace } }),
    ...(qdrant === undefined ? {} : { qdrant: { ...qdrant, namespace } }),
    async erase() {
      if (redis !== undefined && usesRedis) {
        // Ledger and queue; and the traces, whose tenants have a tag each.
        for (const pattern of [`{${namespace}}:*`, `${namespace}-traces:*`])
          for (const url of new Set([redis.url, redis.queueUrl])) await eraseKeys(url, pattern);
      }
      if (qdrant !== undefined && adapters.index === "qdrant") {
        const { url, apiKey } = qdrant;
        await eraseCollections({ url, prefix: namespace, ...(apiKey === undefined ? {} : { apiKey }) });
      }
    },
  };
}
