import { embeddedIssuer } from "#adapters/identity-jose/embedded.ts";
import { makeTokenVerifier } from "#adapters/identity-jose/verifier.ts";
import { openPolicy, type PolicyEvent } from "#adapters/policy-casbin/policy.ts";
import { calibrationProblems } from "#core/calibration/published.ts";
import type { Clock } from "#core/ports/clock.ts";
import { recheck } from "#core/retrieval/recheck.ts";
import type { ServiceConfig } from "#services/config.ts";
import { Closers } from "./closers.ts";
import { takeDataDirectory } from "./data-directory.ts";
import { openEmbeddedQueue, openEmbeddedStore, openEmbeddedTraces } from "./embedded.ts";
import { openEmbedder } from "./embedders.ts";
import type { Ports } from "./ports.ts";

/**
 * Opens the adapters of a configuration. This, and nothing else, decides which adapter stands behind which port.
 * @throws DataDirectoryInUse, PolicyFolderError, ConfigError, UnusableFile; Error that names the key file
 */
export async function openPorts(config: ServiceConfig, onPolicyEvent: (event: PolicyEvent) => void): Promise<Ports> {
  const closers = new Closers();
  try {
    const clock: Clock = Date.now;
    const embedder = await openEmbedder(config.embedder, config.vectorFile);
    closers.add(() => embedder.close());
    const { previousEmbedder: previousName } = config;
    const previousEmbedder = previousName === undefined ? undefined : await openEmbedder(previousName);
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
    const lock = takeDataDirectory(config.dataDir);
    closers.add(() => lock.release());
    const store = await openEmbeddedStore(config.dataDir, clock, closers);
    const index = await store.openIndex(embedder.model);
    closers.add(() => index.close());
    const traces = await openEmbeddedTraces(config, clock);
    closers.add(() => traces.close());
    const issuers = config.issuers.length > 0 ? config.issuers : [await embeddedIssuer(config.dataDir)];
    const verifier = await makeTokenVerifier({ issuers, audience: config.audience, clock });
    return {
      ledger: store.ledger,
      index,
      embedder,
      ...(previousEmbedder === undefined ? {} : { previousEmbedder }),
      probes: store.probes,
      openQueue: openEmbeddedQueue,
      policy,
      verifier,
      traces,
      recheck,
      clock,
      maintain: store.maintain,
      close: () => closers.close(),
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}
