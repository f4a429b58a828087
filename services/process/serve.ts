import { lookup } from "node:dns/promises";
import type { FastifyInstance } from "fastify";
import { makePolicyAgreement } from "#core/access/policy-agreement.ts";
import { openPinnedModel, type PinnedModel } from "#core/embedding/pinned.ts";
import { makePinnedWorker } from "#core/embedding/pinned-worker.ts";
import { type AuditEvent, isAudited, makeAudit } from "#core/ingest/audit.ts";
import { type DocumentChanges, documentChanges } from "#core/ingest/changes.ts";
import { makeReconciler, type Reconciler } from "#core/ingest/reconciler.ts";
import { giveUp } from "#core/ingest/worker.ts";
import type { JobQueue } from "#core/ports/queue.ts";
import { makeRetrieve } from "#core/retrieval/retrieve.ts";
import { ConfigError, type ServiceConfig } from "#services/config.ts";
import { authPlugin } from "#services/http/auth.ts";
import { bodyBudgetPlugin } from "#services/http/body-budget.ts";
import { inStepPlugin } from "#services/http/in-step.ts";
import { rateLimitPlugin } from "#services/http/rate-limit.ts";
import { indexerApp } from "#services/indexer/app.ts";
import { type WatchedLedger, watchWrites } from "#services/indexer/write-health.ts";
import { logAudit, logModel } from "#services/log.ts";
import { listenForMetrics, type MetricsListener } from "#services/metrics/listener.ts";
import { ServiceMetrics } from "#services/metrics/service-metrics.ts";
import type { Ports, QueueEvents, ServiceQueue } from "#services/ports/ports.ts";
import { queryApp } from "#services/query/app.ts";
import { watchQuestions } from "#services/query/question-health.ts";
import { healthRoutes } from "#services/query/routes/health.ts";
import { follow } from "./follow.ts";
import { type Duties, dutiesOf } from "./roles.ts";

/** A service that answers. */
export interface RunningService {
  /** Base URL, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly app: FastifyInstance;
  /** Where metrics are read; absent when they are not. */
  readonly metricsUrl?: string;
  /**
   * Stops taking requests, finishes what is in flight (for at most the deadline) and what is being indexed, then closes everything. A second
   * call waits for the first.
   */
  close(): Promise<void>;
}

/** What the parts of one process share. */
interface Process {
  readonly ports: Ports;
  readonly config: ServiceConfig;
  readonly app: FastifyInstance;
  readonly duties: Duties;
  readonly models: PinnedModel;
  readonly changes: DocumentChanges;
  readonly written: WatchedLedger;
  /** Keeps this process in step with others; absent when there are none. */
  readonly catchUp?: () => Promise<void>;
  /** Absent when nobody may read them. */
  readonly metrics?: ServiceMetrics;
}

/** Puts what the process's role asks for on top of the ports, and listens. */
export async function serve(ports: Ports, config: ServiceConfig, app: FastifyInstance): Promise<RunningService> {
  const closing = async (error: unknown): Promise<never> => {
    await ports.close();
    throw error;
  };
  const models = await openPinnedModel({
    ledger: ports.ledger,
    probes: ports.probes,
    configured: ports.embedder,
    ...(ports.previousEmbedder === undefined ? {} : { previous: ports.previousEmbedder }),
    clock: ports.clock,
    isSearched: async (fingerprint) => (await ports.index.stand?.(fingerprint))?.isFilled ?? true,
    onEvent: (event) => logModel(app, event),
  }).catch(closing);
  const duties = dutiesOf(config.role);
  const written = watchWrites(ports.ledger);
  const metrics = config.metrics === undefined ? undefined : new ServiceMetrics();
  const catchUp = catchUpOf(ports, models);
  const process: Process = {
    ports,
    config,
    app,
    duties,
    models,
    changes: documentChanges(),
    written,
    ...(catchUp === undefined ? {} : { catchUp }),
    ...(metrics === undefined ? {} : { metrics }),
  };
  const queue = await (duties.takesIn || duties.indexes ? openQueue(process) : undefined)?.catch(closing);
  const reconciler = duties.indexes && queue !== undefined ? reconcilerOf(process, queue) : undefined;
  // Whoever does not sweep still has to learn of a change of the model, and to ask its own encoders the probes.
  const following =
    reconciler === undefined
      ? follow(
          () => models.observe(),
          config.sweepMs,
          (error) => app.log.warn({ err: error }, "the deployment's model could not be looked up"),
        )
      : undefined;
  // Also where nobody asks: others wait for a process that had the policy in force to go on to a newer one. Each request tells its own failure.
  const keepingUp =
    catchUp === undefined
      ? undefined
      : follow(catchUp, config.policyPollMs, (error) => app.log.debug({ err: error }, "not in step with the others"));
  let listener: MetricsListener | undefined;
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      await app.close();
      await listener?.close();
      await following?.stop();
      await keepingUp?.stop();
      await reconciler?.stop();
      await queue?.close();
      await ports.close();
    })();
    return closed;
  };

  try {
    metrics?.watchRequests(app);
    await registerRoutes(process, queue, () => closed !== undefined);
    if (duties.indexes) queue?.start(makePinnedWorker(ingestParts(process), models));
    await reconciler?.audit();
    reconciler?.start();
    const url = await app
      .listen({ host: await oneAddress(config.host), port: config.port })
      .catch(naming("RETICENT_HOST, RETICENT_PORT"));
    if (metrics !== undefined && config.metrics !== undefined) {
      metrics.watch({ ports, role: config.role, written: () => models.written(), indexes: duties.indexes }, app, queue);
      listener = await listenForMetrics(config.metrics, metrics.registry).catch(
        naming("RETICENT_METRICS_HOST, RETICENT_METRICS_PORT"),
      );
    }
    return { url, app, close, ...(listener === undefined ? {} : { metricsUrl: listener.url }) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** An address that cannot be listened on is a bad setting. */
const naming = (settings: string) => (error: unknown) => {
  throw new ConfigError([`${settings}: ${error instanceof Error ? error.message : String(error)}`]);
};

async function registerRoutes(
  process: Process,
  queue: ServiceQueue | undefined,
  isClosing: () => boolean,
): Promise<void> {
  const { ports, config, app, duties, models, written, catchUp } = process;
  const { ledger, index, policy, verifier, traces, clock } = ports;
  const fingerprint = () => models.active();
  await app.register(authPlugin, { verifier, ledger });
  await app.register(rateLimitPlugin, { perMinute: config.rateLimitPerMinute });
  const questions = watchQuestions();
  if (catchUp !== undefined) await app.register(inStepPlugin, { catchUp });
  await app.register(bodyBudgetPlugin);
  await app.register(healthRoutes, {
    policy,
    models,
    clock,
    isClosing,
    isWritable: written.isWritable,
    isEmbedding: questions.isEmbedding,
    ...(index.check === undefined ? {} : { checkIndex: () => index.check?.(fingerprint()) ?? Promise.resolve() }),
    answers: duties.answers,
    durability: ports.durability,
    lostTraces: (tenant) => traces.lost(tenant),
    ...(queue?.isReachable === undefined ? {} : { isQueueReachable: () => queue.isReachable?.() ?? true }),
    ...(catchUp === undefined ? {} : { catchUp }),
  });
  if (duties.answers) {
    const retrieve = makeRetrieve({
      policy,
      embedder: () => questions.watched(models.answering()),
      index,
      ledger,
      recheck: ports.recheck,
      traces,
      clock,
      traceEveryChunk: config.traceEveryChunk ?? false,
    });
    const watched = process.metrics?.watchRetrieve(retrieve) ?? retrieve;
    await app.register(queryApp, { retrieve: watched, traces, policy, ledger, fingerprint, clock });
  }
  if (duties.takesIn && queue !== undefined) {
    await app.register(indexerApp, {
      ledger: written.ledger,
      index,
      policy,
      queue,
      changes: process.changes,
      fingerprint,
      written: () => models.written(),
      recheck: ports.recheck,
      waitMs: Math.floor(config.deadlineMs * 0.9),
    });
  }
}

/** How this process keeps in step with others; `undefined` when there are none. */
function catchUpOf({ revisions, policy }: Ports, models: PinnedModel): (() => Promise<void>) | undefined {
  if (revisions === undefined) return undefined;
  const agreement = makePolicyAgreement({ revisions, policy });
  return async () => {
    await Promise.all([agreement.confirm(), models.look()]);
  };
}

function ingestParts({ ports: { ledger, index, clock }, changes }: Process) {
  return { ledger, index, clock, changes };
}

async function openQueue(process: Process): Promise<ServiceQueue> {
  const { ports, app, models, metrics } = process;
  const events: QueueEvents = {
    onGiveUp: giveUp({ ...ingestParts(process), active: () => models.active() }),
    onError: (key, error) => {
      if (key === undefined)
        app.log.warn({ err: error }, "the queue has a trouble; the reconciler repairs what it loses");
      else app.log.warn({ source: key.source, err: error }, "indexing failed, will be tried again");
    },
  };
  return ports.openQueue(metrics?.watchQueue(events) ?? events);
}

function reconcilerOf({ ports, config, app, models }: Process, queue: JobQueue): Reconciler {
  const { ledger, archive, index } = ports;
  const onEvent = (event: AuditEvent) => logAudit(app, event);
  const audit = isAudited(index)
    ? makeAudit({ ledger, archive, index, clock: ports.clock, fingerprints: () => models.written(), onEvent })
    : undefined;
  return makeReconciler({
    ledger: ports.ledger,
    index: ports.index,
    queue,
    fingerprints: () => models.written(),
    advance: (lagging) => models.advance(lagging),
    clock: ports.clock,
    graceMs: config.graceMs,
    sweepMs: config.sweepMs,
    onError: (error) => app.log.error({ err: error }, "reconciler sweep failed"),
    ...(audit === undefined ? {} : { audit: () => audit.step() }),
    ...(ports.maintain === undefined ? {} : { maintain: ports.maintain }),
  });
}

/** `localhost` as one address: Fastify would open a second server for the other one, and close that without finishing its requests. */
async function oneAddress(host: string): Promise<string> {
  return host === "localhost" ? (await lookup(host)).address : host;
}
