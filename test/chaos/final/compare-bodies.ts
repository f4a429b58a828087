import type { Redis } from "ioredis";
import { keyNames, keyOfName } from "#adapters/ledger-redis/names.ts";
import type { TrackedDocument, Violation, World } from "../model/world.ts";

/** A stored text, by its document and the generation that it is packed for. */
export interface StoredBody {
  readonly tenant: string;
  readonly source: string;
  readonly id: string;
  readonly generation: number;
}

const names = keyNames("reticent");
/** Enough for any generation and the space behind it. */
const headBytes = 20;

/** Every text in the content store. */
export async function allBodies(redis: Redis): Promise<readonly StoredBody[]> {
  const found: StoredBody[] = [];
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", `${names.body("")}*`, "COUNT", 1_000);
    cursor = next;
    const heads = await Promise.all(keys.map((key) => redis.getrange(key, 0, headBytes)));
    keys.forEach((key, at) => {
      const document = keyOfName(key.slice(names.body("").length));
      found.push({ ...document, generation: Number.parseInt(heads[at] ?? "", 10) });
    });
  } while (cursor !== "0");
  // A key may be met twice.
  return [...new Map(found.map((body) => [JSON.stringify([body.tenant, body.source, body.id]), body])).values()];
}

/** Holds the content store against the model: the text of every wanted generation, and of nothing that was deleted. */
export function compareBodies(world: World, bodies: readonly StoredBody[]): readonly Violation[] {
  const violations: Violation[] = [];
  const held = new Set<TrackedDocument>();
  for (const { tenant, source, id, generation } of bodies) {
    const document = world.find(tenant, source, id);
    const state = document?.settled;
    if (document === undefined) {
      violations.push({ kind: "orphan-body", message: `the text of ${source}/${id}, which was never sent` });
    } else if (state !== undefined && !document.isBroken) {
      held.add(document);
      const isWanted = state.content !== null && state.generation === generation;
      const message = `${source}/${id} has the text of generation ${generation} stored`;
      if (!isWanted)
        violations.push({ kind: state.content === null ? "orphan-body" : "wrong-body", message, document });
    }
  }
  for (const document of world.documents) {
    const { settled, isBroken, source, id } = document;
    if (isBroken || settled === undefined || settled.content === null || held.has(document)) continue;
    violations.push({ kind: "lost-body", message: `the text of ${source}/${id} is not stored`, document });
  }
  return violations;
}
