import { monitorEventLoopDelay } from "node:perf_hooks";
import nodeProcess from "node:process";
import type { FastifyInstance } from "fastify";
import { AppError } from "#core/errors.ts";
import type { Retrieve } from "#core/retrieval/retrieve.ts";
import { appErrorOf } from "#services/http/problem.ts";
import type { Ports, QueueEvents, ServiceQueue } from "#services/ports/ports.ts";
import { Registry } from "./registry.ts";

/** Upper bounds of the times of requests, s: from a question in memory to the longest deadline. */
const secondBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** How long a figure that takes a look through the ledger is repeated, ms. */
const repeatedMs = 10_000;

/** What is read when somebody asks for the metrics. */
export interface MetricSources {
  readonly ports: Ports;
  readonly role: string;
  /** Fingerprints that every document is to be live under. */
  readonly written: () => readonly string[];
  /** Whether this process indexes: then it counts what lags. */
  readonly indexes: boolean;
}

/**
 * The metrics of a process. None tells a tenant, a principal, a document or a text from another: labels are routes, statuses, codes and roles, all of
 * them closed sets.
 */
export class ServiceMetrics {
  readonly registry = new Registry();
  readonly #retrieves;
  readonly #indexing;
  readonly #givenUp;

  constructor() {
    const { registry } = this;
    this.#retrieves = registry.counter(
      "reticent_retrieves_total",
      "Questions that were answered or abstained from, by outcome and reason; failed ones are in reticent_problems_total",
    );
    this.#indexing = registry.counter(
      "reticent_indexing_failures_total",
      "Tries to index a document that failed and come again, by what failed",
    );
    this.#givenUp = registry.counter("reticent_indexing_given_up_total", "Wake-ups whose tries were used up", {
      isLabelled: false,
    });
  }

  /** Counts and times requests. To be called before any route or plugin is registered. */
  watchRequests(app: FastifyInstance): void {
    const { registry } = this;
    const requests = registry.counter("reticent_requests_total", "Requests by method, route and status");
    const problems = registry.counter(
      "reticent_problems_total",
      "Refused and failed requests by code (docs/errors.md)",
    );
    const revokes = registry.counter(
      "reticent_revokes_total",
      "Acknowledged writes that can take access away, by kind",
    );
    const seconds = registry.histogram(
      "reticent_request_seconds",
      "Time from the request's header to the end of the answer",
      secondBounds,
    );
    app.addHook("onError", async (request, _reply, error) => {
      problems.add({ code: appErrorOf(error, request.routeOptions?.bodyLimit ?? 0).code });
    });
    app.addHook("onResponse", async (request, reply) => {
      // What nobody serves has no route; a path of it would be somebody's text.
      const route = request.is404 ? "none" : (request.routeOptions.url ?? "none");
      if (route === "/healthz" || route === "/readyz") return;
      const method = request.method;
      const status = String(reply.statusCode);
      requests.add({ method: methods.has(method) ? method : "other", route, status });
      seconds.observe({ route }, reply.elapsedTime / 1_000);
      const kind = revokingRoutes.get(`${method} ${route}`);
      if (kind !== undefined && reply.statusCode < 300) revokes.add({ kind });
    });
  }

  /** Counts outcomes and reasons. */
  watchRetrieve(retrieve: Retrieve): Retrieve {
    return async (...asked) => {
      const response = await retrieve(...asked);
      const reason = response.outcome === "abstained" ? response.reason : "none";
      this.#retrieves.add({ outcome: response.outcome, reason });
      return response;
    };
  }

  /** Counts what goes wrong while documents are indexed. */
  watchQueue({ onGiveUp, onError }: QueueEvents): QueueEvents {
    return {
      onGiveUp: async (key, error) => {
        this.#givenUp.add();
        await onGiveUp(key, error);
      },
      onError: (key, error) => {
        if (key !== undefined) this.#indexing.add({ code: error instanceof AppError ? error.code : "other" });
        onError(key, error);
      },
    };
  }

  /** Adds what is read when somebody asks. */
  watch({ ports, role, written, indexes }: MetricSources, app: FastifyInstance, queue: ServiceQueue | undefined): void {
    const { registry } = this;
    const gauge = (name: string, help: string, value: () => Promise<number> | number): void =>
      registry.read("gauge", name, help, async () => [{ value: await value() }]);
    registry.read("gauge", "reticent_process_info", "1, with the process's role", async () => [
      { labels: { role }, value: 1 },
    ]);
    const readiness = async (): Promise<{ readonly status: number; readonly codes: readonly string[] }> => {
      const { statusCode, body } = await app.inject("/readyz");
      const { codes } = JSON.parse(body) as { readonly codes: readonly string[] };
      return { status: statusCode, codes };
    };
    gauge("reticent_ready", "1 while /readyz says that this process should get requests", async () =>
      (await readiness()).status === 200 ? 1 : 0,
    );
    registry.read("gauge", "reticent_readiness_code", "1 for each code that /readyz carries now", async () =>
      (await readiness()).codes.map((code) => ({ labels: { code }, value: 1 })),
    );
    gauge("reticent_policy_rejected_seconds", "Age of a rejected policy edit; 0 = the folder is in force", () => {
      const { rejected } = ports.policy.status();
      return rejected === undefined ? 0 : Math.max(0.001, (ports.clock() - Date.parse(rejected.since)) / 1_000);
    });
    registry.read("counter", "reticent_traces_lost_total", "Traces that could not be kept", async () => [
      { value: ports.traces.lost() },
    ]);
    if (queue !== undefined) {
      gauge("reticent_queue_jobs", "Documents with a wake-up that waits, rests or is active", () => queue.depth());
      if (queue.failedWakes !== undefined) {
        const failed = queue.failedWakes;
        registry.read("counter", "reticent_wake_ups_failed_total", "Wake-ups that did not get through", async () => [
          { value: failed() },
        ]);
      }
    }
    if (indexes) {
      const lagging = repeated(() => countLagging(ports, written()), ports.clock);
      gauge("reticent_documents_lagging", "Documents to be indexed under a fingerprint in use, all tenants", lagging);
    }
    watchRuntime(registry);
  }
}

const methods: ReadonlySet<string> = new Set(["GET", "PUT", "POST", "DELETE"]);

const revokingRoutes: ReadonlyMap<string, string> = new Map([
  ["PUT /v1/documents/:source/:id/acl", "access"],
  ["DELETE /v1/documents/:source/:id", "delete"],
  ["PUT /v1/principals/:id/disabled", "principal"],
]);

async function countLagging({ archive, ledger }: Ports, fingerprints: readonly string[]): Promise<number> {
  let most = 0;
  const tenants = await archive.tenants();
  for (const fingerprint of fingerprints) {
    let sum = 0;
    for (const tenant of tenants) sum += await ledger.countLagging(fingerprint, tenant);
    most = Math.max(most, sum);
  }
  return most;
}

/** A figure that is read again only after a while, so that a scrape costs little however often it comes. */
function repeated(read: () => Promise<number>, clock: () => number): () => Promise<number> {
  let last: { readonly at: number; readonly value: Promise<number> } | undefined;
  return () => {
    if (last === undefined || clock() - last.at >= repeatedMs) {
      const value = read();
      last = { at: clock(), value };
      // A failure is not repeated.
      value.catch(() => {
        last = undefined;
      });
    }
    return last.value;
  };
}

function watchRuntime(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const startedAt = Date.now() / 1_000 - nodeProcess.uptime();
  const gauge = (name: string, help: string, value: () => number): void =>
    registry.read("gauge", name, help, async () => [{ value: value() }]);
  gauge("process_start_time_seconds", "Start of the process, s since the epoch", () => startedAt);
  gauge("process_resident_memory_bytes", "Resident memory", () => nodeProcess.memoryUsage.rss());
  gauge("reticent_event_loop_delay_p99_seconds", "How late timers came, 99th percentile since the last look", () => {
    const p99 = delay.percentile(99) / 1e9;
    delay.reset();
    return Number.isFinite(p99) ? p99 : 0;
  });
}
