import { cachedEmbedder } from "#adapters/embedder-cached/cached.ts";
import { embeddedIssuer } from "#adapters/identity-jose/embedded.ts";
import type { IssuerConfig } from "#adapters/identity-jose/issuers.ts";
import { makeTokenVerifier } from "#adapters/identity-jose/verifier.ts";
import { openPolicy, type PolicyEvent } from "#adapters/policy-casbin/policy.ts";
import { calibrationProblems } from "#core/calibration/published.ts";
import type { LedgerArchive } from "#core/ports/archive.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { EmbeddingModel } from "#core/ports/embedder.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { ProbeStore } from "#core/ports/probes.ts";
import { recheck } from "#core/retrieval/recheck.ts";
import type { RedisConfig } from "#services/adapter-settings.ts";
import { ConfigError, type ServiceConfig } from "#services/config.ts";
import { Closers } from "./closers.ts";
import { shareDataDirectory, takeDataDirectory } from "./data-directory.ts";
import { openEmbeddedQueue, openEmbeddedStore, openEmbeddedTraces } from "./embedded.ts";
import { openEmbedder } from "./embedders.ts";
import type { Ports } from "./ports.ts";
import { openSharedIndex, openSharedQueue, openSharedStore, openSharedTraces } from "./shared.ts";
import { namingServer } from "./unusable-server.ts";

/**
 * Opens the adapters of a configuration. This, and nothing else, decides which adapter stands behind which port.
 * @param onTrouble told of what goes wrong at the servers behind the adapters between requests; must not throw
 * @throws DataDirectoryInUse, PolicyFolderError, ConfigError, UnusableFile, UnusableServer; Error that names the key file
 */
export async function openPorts(
  config: ServiceConfig,
  onPolicyEvent: (event: PolicyEvent) => void,
  onTrouble: (error: unknown) => void = () => {},
): Promise<Ports> {
  const closers = new Closers();
  try {
    const clock: Clock = Date.now;
    // The encoder comes first, because the policy is judged by its name; the vectors lie in a store that is opened later.
    let probes: ProbeStore | undefined;
    const laterProbes = { read: async (fingerprint: string) => (await probes?.read(fingerprint)) ?? new Map() };
    const opened = await openEmbedder(config.embedder, config, laterProbes);
    const embedder = config.vectorFile === undefined ? opened : cachedEmbedder(opened, config.vectorFile);
    closers.add(() => embedder.close());
    const { previousEmbedder: previousName } = config;
    const previousEmbedder =
      previousName === undefined ? undefined : await openEmbedder(previousName, config, laterProbes);
    if (previousEmbedder !== undefined) closers.add(() => previousEmbedder.close());
    const inUse = [embedder, ...(previousEmbedder === undefined ? [] : [previousEmbedder])].map((one) => one.model);
    const policy = await openPolicy({
      dir: config.policyDir,
      requiredModels: inUse.map(({ name }) => name),
      pollMs: config.policyPollMs,
      rejectedMaxAgeMs: config.rejectedPolicyMaxAgeMs,
      clock,
      accept: ({ trust }) => inUse.flatMap((model) => calibrationProblems(trust, model)),
      onEvent: onPolicyEvent,
    });
    closers.add(() => policy.close());
    const store = await openStore(config, clock, closers, onTrouble);
    probes = store.probes;
    const index = await store.openIndex(embedder.model);
    closers.add(() => index.close());
    const traces = await (config.adapters.traces === "redis"
      ? openSharedTraces(redisOf(config), config, clock, onTrouble)
      : openEmbeddedTraces(config, clock));
    closers.add(() => traces.close());
    const issuers = config.issuers.length > 0 ? config.issuers : [await ownIssuer(config)];
    const verifier = await makeTokenVerifier({ issuers, audience: config.audience, clock });
    return {
      ledger: store.ledger,
      archive: store.ledger,
      index,
      embedder,
      ...(previousEmbedder === undefined ? {} : { previousEmbedder }),
      probes: store.probes,
      openQueue: (events) =>
        config.adapters.queue === "bullmq"
          ? openSharedQueue(redisOf(config), config.deadlineMs, events)
          : openEmbeddedQueue(events),
      policy,
      verifier,
      traces,
      recheck,
      clock,
      durability: store.durability,
      ...(store.revisions === undefined ? {} : { revisions: store.revisions }),
      ...(store.maintain === undefined ? {} : { maintain: store.maintain }),
      close: () => closers.close(),
    };
  } catch (error) {
    await closers.close();
    throw namingServer(error, config);
  }
}

/** A ledger with its content store, and the index that goes with it. */
interface OpenStore extends Pick<Ports, "probes" | "revisions" | "maintain" | "durability"> {
  readonly ledger: Ledger & LedgerArchive;
  openIndex(model: EmbeddingModel): Promise<VectorIndex>;
}

/** The data directory is locked whenever something lies in it that one process alone may use. */
async function openStore(
  config: ServiceConfig,
  clock: Clock,
  closers: Closers,
  onTrouble: (error: unknown) => void,
): Promise<OpenStore> {
  const { adapters, dataDir, deadlineMs, qdrant } = config;
  if (adapters.ledger === "sqlite" || adapters.traces === "sqlite") {
    const lock = takeDataDirectory(dataDir);
    closers.add(() => lock.release());
  }
  const openShared = (model: EmbeddingModel, storeId?: string) => {
    if (qdrant === undefined) throw new ConfigError(["RETICENT_QDRANT_URL: missing"]);
    return openSharedIndex(qdrant, model, deadlineMs, storeId);
  };
  if (adapters.ledger === "redis") {
    const store = await openSharedStore(redisOf(config), clock, closers, onTrouble, deadlineMs);
    const { ledger } = store;
    return { ...store, openIndex: (model) => openShared(model, ledger.storeId), durability: () => ledger.findings() };
  }
  const store = await openEmbeddedStore(dataDir, clock, closers);
  // One fsync with every commit.
  const durability = async () => ({ durability: "strict", warnings: [] }) as const;
  const embedded = { ...store, durability };
  return adapters.index === "qdrant" ? { ...embedded, openIndex: (model) => openShared(model) } : embedded;
}

/** The issuer whose key lies in the data directory: all that may lie there where everything else is on servers. */
async function ownIssuer({ dataDir }: ServiceConfig): Promise<IssuerConfig> {
  shareDataDirectory(dataDir);
  return embeddedIssuer(dataDir);
}

function redisOf({ redis }: ServiceConfig): RedisConfig {
  if (redis === undefined) throw new ConfigError(["RETICENT_REDIS_URL: missing"]);
  return redis;
}
