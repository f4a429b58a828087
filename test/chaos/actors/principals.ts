import { setTimeout as sleep } from "node:timers/promises";
import { switched } from "../cast.ts";
import { anIndexer, type Chaos, isOutage, oneOf, send } from "../context.ts";
import type { Service } from "../stack/service.ts";

/** Disables or enables a principal, through any indexer, until the outcome is known. One request at a time for each principal. */
export async function switchPrincipal(chaos: Chaos, random: () => number): Promise<void> {
  const { tenant, principal } = oneOf(random, switched);
  const history = chaos.world.principal(tenant, principal);
  const [state, ...more] = history.states;
  if (history.isOpen || more.length > 0 || state === undefined) return;
  // Disabled for a short while, and enabled most of the time.
  if (!state && random() < 0.75) return;
  while (!(await set(chaos, anIndexer(chaos, random), tenant, principal, !state))) await sleep(50 + random() * 200);
}

/** Enables everybody again, once through every indexer: everybody is asked at the end, and every indexer is seen writing. */
export async function enableEverybody(chaos: Chaos): Promise<void> {
  for (const indexer of chaos.stack.indexers) {
    for (const { tenant, principal } of switched) {
      while (!(await set(chaos, indexer, tenant, principal, false))) await sleep(200);
    }
  }
}

/** @returns false when the outcome is not known */
async function set(
  chaos: Chaos,
  indexer: Service,
  tenant: string,
  principal: string,
  disabled: boolean,
): Promise<boolean> {
  const { world, writes } = chaos;
  const history = world.principal(tenant, principal);
  const request = world.tick();
  history.begin(request, request, disabled);
  const call = {
    method: "PUT",
    path: `/v1/principals/${encodeURIComponent(principal)}/disabled`,
    token: chaos.tokens.writer(tenant),
    body: { disabled },
  } as const;
  const { reply, to } = await send(chaos, indexer, call, "write");
  if (reply.kind === "answer" && reply.status === 200) {
    history.answered(to, request, disabled);
    writes.add(`principal: ${disabled ? "disabled" : "enabled"}`);
    return true;
  }
  if (reply.kind === "refused") {
    history.unsent(to, request);
    return false;
  }
  writes.add("principal: unknown");
  if (reply.kind === "answer" && !isOutage(reply)) {
    chaos.report({ kind: "unexpected-answer", message: `disabling got ${reply.status} ${reply.code}` });
  }
  const isSlow = reply.kind === "answer" && reply.code === "deadline-exceeded";
  await sleep(isSlow ? 2 * chaos.deadlineMs : 1_000);
  history.lost(world.tick(), request);
  return false;
}
