import { lookIntoQueue } from "#adapters/queue-bullmq/look.ts";
import type { Context } from "../context.ts";
import { ok, warning } from "../examination.ts";
import { checkRedis } from "./redis.ts";

/** `queue-server`, `queue-eviction`, `queue-jobs`; one line where the queue is in the process itself. */
export function checkQueue(context: Context): void {
  const { examination, config, spoilt } = context;
  const blamed = spoilt.get("queue");
  if (blamed !== undefined) {
    for (const name of ["queue-server", "queue-eviction", "queue-jobs"]) {
      examination.skip(name, `not asked, because of ${blamed}`);
    }
    return;
  }
  const { redis } = config;
  if (config.adapters.queue === "local" || redis === undefined) {
    examination.check({ name: "queue-server", advice: "", look: () => ok("in the process itself, with no server") });
    return;
  }
  const variable = redis.queueUrl === redis.url ? "RETICENT_REDIS_URL" : "RETICENT_QUEUE_REDIS_URL";
  const server = checkRedis(context, "queue-server", redis.queueUrl, variable);
  examination.check({
    name: "queue-eviction",
    needs: [server],
    advice: "",
    look: ({ facts }) => {
      const policy = facts.settings.get("maxmemory-policy") ?? null;
      if (policy === "noeviction") return ok(policy);
      if (policy === null) return ok("not told; what it evicts is found again by the sweep");
      return warning(
        `${policy}: wake-ups are dropped when the memory is full, and wait for the sweep`,
        "set maxmemory-policy to noeviction; no document is lost by it",
      );
    },
  });
  examination.check({
    name: "queue-jobs",
    needs: [server],
    advice: "look at the server behind the queue",
    look: async ({ redis: connected }) => {
      const { waiting, active, failed } = await lookIntoQueue(connected, `{${redis.namespace}}`);
      const told = `${waiting} waiting, ${active} active, ${failed} given up`;
      if (failed === 0) return ok(told);
      return warning(
        told,
        "documents that failed say why (GET /v1/documents?state=failed); the list empties itself within 7 days",
      );
    },
  });
}
