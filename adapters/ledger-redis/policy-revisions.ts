import type { Clock } from "#core/ports/clock.ts";
import type { AgreedPolicy, PolicyRevisions } from "#core/ports/policy-revisions.ts";
import { attempts, guarded } from "./attempts.ts";
import { command } from "./script.ts";
import type { Store } from "./store.ts";

/** Replaced revisions that are remembered; an older one counts as new. */
const remembered = 1_000;

/** The agreed policy revision, in the ledger's own store: durable as that is, and refused when it went back in time. */
export function redisPolicyRevisions(store: Store, clock: Clock): PolicyRevisions {
  const { policy, supersededPolicies, registry } = store.names;
  return {
    read: (mine) =>
      guarded(async (): Promise<AgreedPolicy> => {
        // In one step: a revision must not be read as neither the one in force nor a replaced one.
        const [current, replacedAt] = await store.query([
          command(["GET", policy]),
          command(["ZSCORE", supersededPolicies, mine]),
        ]);
        return {
          current: typeof current === "string" ? current : undefined,
          isSuperseded: typeof replacedAt === "string" || typeof replacedAt === "number",
        };
      }),
    agree: (from, to) =>
      guarded(() =>
        attempts(async () => {
          const { word } = await store.registry();
          const [current] = await store.query([command(["GET", policy])]);
          if ((typeof current === "string" ? current : undefined) !== from) return { result: false };
          if (from === to) return { result: true };
          const commands = [
            command(["SET", policy, to]),
            ...(from === undefined ? [] : [command(["ZADD", supersededPolicies, clock(), from])]),
            command(["ZREM", supersededPolicies, to]),
            command(["ZREMRANGEBYRANK", supersededPolicies, 0, -1 - remembered]),
          ];
          const replies = await store.run(
            [
              [registry, word],
              [policy, from ?? ""],
            ],
            commands,
          );
          return replies && { result: true };
        }),
      ),
  };
}
