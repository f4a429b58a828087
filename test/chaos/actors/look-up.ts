import { z } from "zod";
import { documentStatusSchema } from "#services/indexer/status.ts";
import { tenants } from "../cast.ts";
import { anIndexer, type Chaos, isOutage, note, send } from "../context.ts";
import { type DocumentState, factsKey, factsOf } from "../model/document.ts";
import type { TrackedDocument } from "../model/world.ts";
import { factsOfStatus } from "./write.ts";

const answered = z.object({ document: documentStatusSchema });

/**
 * Asks an indexer how a document stands, and holds the answer against the model.
 * @returns true when its wanted content is live
 */
export async function lookUp(chaos: Chaos, random: () => number, document: TrackedDocument): Promise<boolean> {
  const { tenant, source, id, history } = document;
  const call = {
    method: "GET",
    path: `/v1/documents/${source}/${encodeURIComponent(id)}`,
    token: chaos.tokens.writer(tenant),
  } as const;
  const { reply, from, to } = await send(chaos, anIndexer(chaos, random), call, "status");
  if (reply.kind !== "answer" || isOutage(reply)) return false;
  const status = reply.status === 200 ? answered.parse(reply.body).document : undefined;
  const key = status === undefined ? reply.code : factsKey(factsOfStatus(status));
  const isTold = (state: DocumentState): boolean => {
    const facts = factsOf(state);
    return (facts === undefined ? "not-found" : factsKey(facts)) === key;
  };
  if (!history.statesDuring(from, to).some(isTold)) {
    note(chaos, document, `status ${key}`);
    document.isBroken = true;
    chaos.report({ kind: "impossible-status", message: `${source}/${id} is said to be ${key}`, document });
    return false;
  }
  if (status?.live_version != null) document.sawLive(to, status.live_version);
  if (!history.isOpen && history.since < from) history.seen(to, isTold);
  const { settled } = document;
  const isLive = status?.state === "searchable" && status.live_generation === settled?.generation;
  if (isLive && history.since < from && settled?.contentRevision === settled?.revision) document.sawPublished(to);
  return isLive;
}

const statusShape = z.object({
  embedding: z.object({ encoders: z.array(z.object({ active: z.boolean(), missing: z.number() })) }),
});

/** How many documents wait to be indexed; `undefined` when nobody can tell. */
export async function countMissing(chaos: Chaos, random: () => number): Promise<number | undefined> {
  let missing = 0;
  for (const tenant of tenants) {
    const call = { method: "GET", path: "/v1/status", token: chaos.tokens.writer(tenant) } as const;
    const { reply } = await send(chaos, anIndexer(chaos, random), call, "status");
    if (reply.kind !== "answer" || reply.status !== 200) return undefined;
    const { encoders } = statusShape.parse(reply.body).embedding;
    missing += encoders.find(({ active }) => active)?.missing ?? 0;
  }
  return missing;
}
