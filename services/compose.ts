import { lookup } from "node:dns/promises";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { cachedEmbedder } from "#adapters/embedder-cached/cached.ts";
import { embeddedIssuer } from "#adapters/identity-jose/embedded.ts";
import { makeTokenVerifier } from "#adapters/identity-jose/verifier.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import { openSqliteProbes } from "#adapters/ledger-sqlite/probes.ts";
import { openPolicy, type PolicyEvent } from "#adapters/policy-casbin/policy.ts";
import { localQueue } from "#adapters/queue-local/queue.ts";
import { DataDirectoryUnusable } from "#adapters/sqlite/data-directory.ts";
import { openingFile, UnusableFile } from "#adapters/sqlite/file-error.ts";
import { type DataDirectoryLock, lockDataDirectory } from "#adapters/sqlite/lock.ts";
import { openDatabase, truncateLog } from "#adapters/sqlite/open.ts";
import { openTraceStore } from "#adapters/trace-sqlite/store.ts";
import { calibrationProblems } from "#core/calibration/published.ts";
import { openPinnedModel } from "#core/embedding/pinned.ts";
import { makePinnedWorker } from "#core/embedding/pinned-worker.ts";
import { type DocumentChanges, documentChanges } from "#core/ingest/changes.ts";
import { makeReconciler } from "#core/ingest/reconciler.ts";
import { giveUp } from "#core/ingest/worker.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { TokenVerifier } from "#core/ports/identity.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { Policy } from "#core/ports/policy.ts";
import type { ProbeStore } from "#core/ports/probes.ts";
import type { TraceStore } from "#core/ports/trace.ts";
import { type Recheck, recheck } from "#core/retrieval/recheck.ts";
import { makeRetrieve } from "#core/retrieval/retrieve.ts";
import { authPlugin } from "#services/http/auth.ts";
import { bodyBudgetPlugin } from "#services/http/body-budget.ts";
import { rateLimitPlugin } from "#services/http/rate-limit.ts";
import { type LogStream, makeServer } from "#services/http/server.ts";
import { indexerApp } from "#services/indexer/app.ts";
import { watchWrites } from "#services/indexer/write-health.ts";
import { queryApp } from "#services/query/app.ts";
import { ConfigError, type ServiceConfig } from "./config.ts";
import { openEmbedder } from "./embedder.ts";
import { logModel, logPolicy } from "./log.ts";

/** The adapters that a service runs on. */
export interface Ports {
  readonly ledger: Ledger;
  readonly index: VectorIndex;
  readonly embedder: Embedder;
  /** The encoder used before, or to go back to. */
  readonly previousEmbedder?: Embedder;
  readonly probes: ProbeStore;
  readonly policy: Policy;
  readonly verifier: TokenVerifier;
  readonly traces: TraceStore;
  readonly recheck: Recheck;
  readonly clock: Clock;
  /** Housekeeping after each sweep of the reconciler. */
  readonly maintain?: () => void;
  /** Closes everything that {@link openPorts} opened, in the reverse order. */
  close(): Promise<void>;
}

/** A service that answers. */
export interface RunningService {
  /** Base URL, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly app: FastifyInstance;
  /**
   * Stops taking requests, finishes what is in flight (for at most the deadline) and what is being indexed, then closes everything. A second
   * call waits for the first.
   */
  close(): Promise<void>;
}

/** Documents indexed at the same time: the work is computing on one thread, so more would only mix their progress. */
const indexingConcurrency = 2;

/**
 * Starts the whole service in this process: embedded ledger, index, queue and encoder, the ingest API and the query API.
 * @param logStream where log lines go; absent = standard output
 * @throws DataDirectoryInUse, PolicyFolderError, ConfigError, UnusableFile; Error that names the key file
 */
export async function startService(config: ServiceConfig, logStream?: LogStream): Promise<RunningService> {
  const log = serverFor(config, logStream);
  try {
    return await serve(await openPorts(config, (event) => logPolicy(log, event)), config, log);
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** The server of a configuration, without routes: it comes first, because its logger is where everything else reports. */
export function serverFor(config: ServiceConfig, logStream?: LogStream): FastifyInstance {
  const { logLevel, deadlineMs } = config;
  return makeServer({ logLevel, deadlineMs, ...(logStream === undefined ? {} : { logStream }) });
}

/** The file of a data directory that holds ledger, content and index. */
export function databaseFile(dataDir: string): string {
  return join(dataDir, "reticent.db");
}

/** Opens the embedded adapters. This, and nothing else, decides which adapter stands behind which port. */
export async function openPorts(config: ServiceConfig, onPolicyEvent: (event: PolicyEvent) => void): Promise<Ports> {
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const step of closers.splice(0).toReversed()) await step();
  };
  try {
    const clock: Clock = Date.now;
    // The encoder comes first, because the policy is judged by its name; the vectors lie in a database that is opened later.
    let probes: ProbeStore | undefined;
    const laterProbes = { read: async (fingerprint: string) => (await probes?.read(fingerprint)) ?? new Map() };
    const opened = await openEmbedder(config.embedder, config, laterProbes);
    const embedder = config.vectorFile === undefined ? opened : cachedEmbedder(opened, config.vectorFile);
    closers.push(() => embedder.close());
    const { previousEmbedder: previousName } = config;
    const previousEmbedder =
      previousName === undefined ? undefined : await openEmbedder(previousName, config, laterProbes);
    if (previousEmbedder !== undefined) closers.push(() => previousEmbedder.close());
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
    closers.push(() => policy.close());
    const lock = takeDataDirectory(config.dataDir);
    closers.push(() => lock.release());
    const { ledgerFile, traceFile } = dataFiles(config.dataDir);
    const database = await openingFile(ledgerFile, ledgerAdvice, () => openDatabase(ledgerFile));
    closers.push(() => database.close());
    const ledger = await openingFile(ledgerFile, ledgerAdvice, () => openSqliteLedger({ database, clock }));
    closers.push(() => ledger.close());
    const sqliteProbes = await openingFile(ledgerFile, ledgerAdvice, async () => openSqliteProbes(database));
    probes = sqliteProbes;
    const { model } = embedder;
    const index = await openingFile(ledgerFile, ledgerAdvice, () =>
      openSqliteIndex({ database, live: ledger.live, model }),
    );
    closers.push(() => index.close());
    const traces = await openingFile(traceFile, "move it away: only the traces so far are lost", () =>
      openTraceStore({ file: traceFile, clock, retention: config.traceRetention }),
    );
    closers.push(() => traces.close());
    const issuers = config.issuers.length > 0 ? config.issuers : [await embeddedIssuer(config.dataDir)];
    const verifier = await makeTokenVerifier({ issuers, audience: config.audience, clock });
    return {
      ledger,
      index,
      embedder,
      ...(previousEmbedder === undefined ? {} : { previousEmbedder }),
      probes: sqliteProbes,
      policy,
      verifier,
      traces,
      recheck,
      clock,
      maintain: () => truncateLog(database),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const ledgerAdvice = "restore the data directory from a backup, or move it away and send the documents again";

/** @throws DataDirectoryInUse, ConfigError, UnusableFile */
function takeDataDirectory(dir: string): DataDirectoryLock {
  try {
    return lockDataDirectory(dir);
  } catch (error) {
    throw error instanceof DataDirectoryUnusable ? new ConfigError([`RETICENT_DATA: ${error.message}`]) : error;
  }
}

/**
 * The database files of a data directory.
 * @throws UnusableFile for an empty ledger in a directory that was in use: SQLite would take it for a new one, and everything that was ever
 * acknowledged would be gone without a word.
 */
function dataFiles(dir: string): { readonly ledgerFile: string; readonly traceFile: string } {
  const [ledgerFile, traceFile] = [databaseFile(dir), join(dir, "traces.db")];
  if (statSync(ledgerFile, { throwIfNoEntry: false })?.size === 0 && existsSync(traceFile)) {
    throw new UnusableFile(ledgerFile, "the file is empty, although the directory was in use", ledgerAdvice);
  }
  return { ledgerFile, traceFile };
}

/** Puts routes, worker and reconciler on top of the ports, and listens. */
export async function serve(ports: Ports, config: ServiceConfig, app: FastifyInstance): Promise<RunningService> {
  const { ledger, index, policy, verifier, traces, clock } = ports;
  const models = await openPinnedModel({
    ledger,
    probes: ports.probes,
    configured: ports.embedder,
    ...(ports.previousEmbedder === undefined ? {} : { previous: ports.previousEmbedder }),
    clock,
    onEvent: (event) => logModel(app, event),
  }).catch(async (error: unknown) => {
    await ports.close();
    throw error;
  });
  const fingerprint = () => models.active();
  const changes: DocumentChanges = documentChanges();
  const ingest = { ledger, index, clock, changes };
  const queue = localQueue({
    concurrency: indexingConcurrency,
    maxAttempts: 5,
    backoffMs: 200,
    maxBackoffMs: 30_000,
    onGiveUp: giveUp({ ...ingest, active: fingerprint }),
    onError: (key, error) => app.log.warn({ source: key.source, err: error }, "indexing failed, will be tried again"),
  });
  const reconciler = makeReconciler({
    ledger,
    index,
    queue,
    fingerprints: () => models.written(),
    advance: (lagging) => models.advance(lagging),
    clock,
    graceMs: config.graceMs,
    sweepMs: config.sweepMs,
    onError: (error) => app.log.error({ err: error }, "reconciler sweep failed"),
    ...(ports.maintain === undefined ? {} : { maintain: ports.maintain }),
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      await app.close();
      await reconciler.stop();
      await queue.close();
      await ports.close();
    })();
    return closing;
  };

  try {
    const written = watchWrites(ledger);
    await app.register(authPlugin, { verifier, ledger });
    await app.register(rateLimitPlugin, { perMinute: config.rateLimitPerMinute });
    await app.register(bodyBudgetPlugin);
    await app.register(queryApp, {
      retrieve: makeRetrieve({
        policy,
        embedder: () => models.answering(),
        index,
        ledger,
        recheck: ports.recheck,
        traces,
        clock,
        deadlineMs: config.deadlineMs,
        traceEveryChunk: config.traceEveryChunk ?? false,
      }),
      traces,
      policy,
      ledger,
      fingerprint,
      models,
      clock,
      isClosing: () => closing !== undefined,
      isWritable: written.isWritable,
    });
    await app.register(indexerApp, {
      ledger: written.ledger,
      index,
      policy,
      queue,
      changes,
      fingerprint,
      written: () => models.written(),
      recheck: ports.recheck,
      waitMs: Math.floor(config.deadlineMs * 0.9),
    });
    queue.start(makePinnedWorker(ingest, models));
    reconciler.start();
    const url = await app.listen({ host: await oneAddress(config.host), port: config.port });
    return { url, app, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** `localhost` as one address: Fastify would open a second server for the other one, and close that without finishing its requests. */
async function oneAddress(host: string): Promise<string> {
  return host === "localhost" ? (await lookup(host)).address : host;
}
