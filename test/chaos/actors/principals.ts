import { setTimeout as sleep } from "node:timers/promises";
import { switched } from "../cast.ts";
import { anIndexer, type Chaos, isOutage, oneOf, send } from "../context.ts";

/** Disables or enables a principal, until the outcome is known. One at a time for each. */
export async function switchPrincipal(chaos: Chaos, random: () => number): Promise<void> {
  const { world, writes } = chaos;
  const { tenant, principal } = oneOf(random, switched);
  const history = world.principal(tenant, principal);
  const [state, ...more] = history.states;
  if (history.isOpen || more.length > 0 || state === undefined) return;
  const disabled = !state;
  for (;;) {
    const request = world.tick();
    history.begin(request, request, disabled);
    const call = {
      method: "PUT",
      path: `/v1/principals/${encodeURIComponent(principal)}/disabled`,
      token: chaos.tokens.writer(tenant),
      body: { disabled },
    } as const;
    const { reply, to } = await send(chaos, anIndexer(chaos, random), call, "write");
    if (reply.kind === "answer" && reply.status === 200) {
      history.answered(to, request, disabled);
      writes.add(`principal: ${disabled ? "disabled" : "enabled"}`);
      return;
    }
    if (reply.kind === "refused") history.unsent(to, request);
    else if (reply.kind === "cut" || isOutage(reply)) {
      writes.add("principal: unknown");
      await sleep(reply.kind === "answer" && reply.code === "deadline-exceeded" ? 2 * chaos.deadlineMs : 1_000);
      history.lost(world.tick(), request);
    } else chaos.report({ kind: "unexpected-answer", message: `disabling got ${reply.status} ${reply.code}` });
    await sleep(50 + random() * 200);
  }
}
