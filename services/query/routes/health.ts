import type { FastifyPluginAsync } from "fastify";
import { calibrationProblems, confidenceFor } from "#core/calibration/published.ts";
import type { PinnedModel } from "#core/embedding/pinned.ts";
import { AppError } from "#core/errors.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { Policy } from "#core/ports/policy.ts";
import { round6 } from "#core/retrieval/round.ts";
import type { LedgerDurability } from "#services/ports/ports.ts";

export interface HealthOptions {
  readonly policy: Policy;
  readonly models: Pick<PinnedModel, "active" | "answering" | "model" | "problems" | "status">;
  readonly clock: Clock;
  /** True once a shutdown has begun. */
  readonly isClosing: () => boolean;
  /** False while the ledger refuses writes. */
  readonly isWritable: () => boolean;
  /** False for a process that answers no questions: that they could not be answered is then told, and no reason to send it no requests. */
  readonly answers: boolean;
  /** Present where there are other processes: rejects with why this one has fallen behind them. */
  readonly catchUp?: () => Promise<void>;
  /** Present where the index is on a server: rejects with why it cannot be searched. */
  readonly checkIndex?: () => Promise<void>;
  /** False while the encoder fails at questions; absent = that is not known. */
  readonly isEmbedding?: () => boolean;
  /** False while wake-ups do not get through to a queue outside this process; absent = the queue is in this process. */
  readonly isQueueReachable?: () => boolean;
  /** What the ledger's server can lose. @throws AppError `ledger-unavailable` */
  readonly durability: () => Promise<LedgerDurability>;
  /** Traces of a tenant that this process could not keep. */
  readonly lostTraces: (tenant: string) => number;
}

/** How long `/readyz` repeats what it last saw of other processes and of the index's server, ms. */
const lookAgainMs = 500;

/** Why a look fails, or `undefined`. Anybody may ask, so that it is taken once for all of them, and again after a while. */
function askedOnce(clock: Clock, look: (() => Promise<void>) | undefined): () => Promise<string | undefined> {
  let looked: { readonly at: number; readonly code: Promise<string | undefined> } | undefined;
  return () => {
    if (look === undefined) return Promise.resolve(undefined);
    if (looked === undefined || clock() - looked.at >= lookAgainMs) {
      const code = look().then(
        () => undefined,
        (error: unknown) => (error instanceof AppError ? error.code : "internal"),
      );
      looked = { at: clock(), code };
    }
    return looked.code;
  };
}

/**
 * /healthz: the process answers. /readyz: codes only, for anybody; 503 when questions cannot be answered. /v1/status: what is in force,
 * and where a rejected policy edit is wrong (file, line, code), for `admin` on the tenant. The message of a policy problem may name
 * another tenant, so it goes to the log only. What counts all tenants together (the queue's depth, say) is for metrics: an administrator of one tenant
 * must not learn how much happens in another.
 */
export const healthRoutes: FastifyPluginAsync<HealthOptions> = async (app, options) => {
  const { policy, models, clock, isClosing, isWritable, answers, isQueueReachable = () => true } = options;
  const startedAt = clock();
  const behindCode = askedOnce(clock, options.catchUp);
  const indexCode = askedOnce(clock, answers ? options.checkIndex : undefined);

  app.get("/healthz", { config: { public: true } }, async () => ({ status: "ok" }));

  app.get("/readyz", { config: { public: true } }, async (_request, reply) => {
    const codes: string[] = [];
    const { rejected, tests } = policy.status();
    if (rejected !== undefined) codes.push("policy-edit-rejected");
    if (tests === 0) codes.push("policy-untested");
    // Questions are still answered, and it is them that a load balancer asks about.
    if (!isWritable()) codes.push("ledger-unwritable");
    // Documents are still accepted, and found by the reconciler.
    if (!isQueueReachable()) codes.push("queue-unreachable");
    let ready = !isClosing();
    if (!ready) codes.push("shutting-down");
    for (const code of await Promise.all([behindCode(), indexCode()])) {
      if (code === undefined) continue;
      ready = false;
      codes.push(code);
    }
    // Of any encoder in use; whether questions are answered is asked below.
    codes.push(...models.problems());
    const model = models.model();
    try {
      models.answering();
    } catch (error) {
      ready &&= !answers;
      const code = error instanceof AppError ? error.code : "internal";
      if (codes.every((told) => told !== code && told !== "embedding-drift")) codes.push(code);
    }
    // The next question may find it well again, so that it has to come here.
    if (options.isEmbedding?.() === false && !codes.includes("embedder-unavailable"))
      codes.push("embedder-unavailable");
    try {
      const entry = policy.current().trust.models.get(model.name);
      if (entry === undefined) throw new AppError("policy-unavailable");
      // The embedder in use may have changed since the policy was judged.
      if (calibrationProblems(policy.current().trust, model).length > 0) {
        codes.push("calibration-mismatch");
        ready = false;
      }
    } catch (error) {
      ready = false;
      codes.push(error instanceof AppError ? error.code : "internal");
    }
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "not-ready", codes });
  });

  app.get("/v1/status", async (request) => {
    // By the last good revision: the place of the mistake is wanted most when it makes the policy unavailable.
    const snapshot = policy.lastGood();
    if (!snapshot.may(request.caller, "admin", "tenant")) throw new AppError("forbidden");
    const status = policy.status();
    const model = models.model();
    const entry = snapshot.trust.models.get(model.name);
    const { tenant } = request.caller;
    const [encoders, { durability, warnings }] = await Promise.all([models.status(tenant), options.durability()]);
    const calibrationState = () => {
      if (calibrationProblems(snapshot.trust, model).length > 0) return { state: "mismatch" };
      const { state, fittedOn, fittedAt } = confidenceFor(snapshot.trust, model, tenant);
      return { state, fitted_on: fittedOn, fitted_at: fittedAt };
    };
    return {
      uptime_s: Math.round((clock() - startedAt) / 1000),
      policy: {
        revision: status.revision,
        trust_revision: status.trustRevision,
        loaded_at: status.loadedAt,
        tests: status.tests,
        rejected:
          status.rejected === undefined
            ? null
            : {
                since: status.rejected.since,
                problems: status.rejected.problems.map(({ file, line, code }) => ({ file, line, code })),
              },
      },
      ledger: { durability, warnings },
      // null: this process has no queue outside of itself.
      queue: { reachable: options.isQueueReachable?.() ?? null },
      traces: { lost: options.lostTraces(tenant) },
      embedding: {
        model: model.name,
        fingerprint: model.fingerprint,
        dimensions: model.dimensions,
        floor: entry?.floor ?? null,
        threshold: entry?.threshold ?? null,
        origin: entry?.origin ?? null,
        calibration: calibrationState(),
        active_fingerprint: models.active(),
        // Who answers and who is being prepared; missing: documents of this tenant that are not yet indexed for it.
        encoders: encoders.map(({ model: { name, fingerprint }, role, isActive, missing, probes }) => ({
          model: name,
          fingerprint,
          role,
          active: isActive,
          missing,
          probes: {
            state: probes.state,
            checked_at: probes.checkedAt === null ? null : new Date(probes.checkedAt).toISOString(),
            drift: probes.drift !== null && Number.isFinite(probes.drift) ? round6(probes.drift) : null,
          },
        })),
      },
    };
  });
};
