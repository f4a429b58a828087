import type { Asked } from "./asking.ts";
import type { Dataset } from "./dataset.ts";
import type { MappedUser } from "./mapping.ts";

/** How often an outdated version stands above the version that replaced it. */
export interface SupersededFigures {
  /** Questions counted. */
  readonly asked: number;
  /** Questions in whose ranking an outdated version, or the current one of such, appears. */
  readonly concerned: number;
  readonly superseded_above_current: number;
  /** Of all questions, 0 … 1; `null` when there is none. */
  readonly share: number | null;
  /** Of the questions concerned; `null` when there is none. */
  readonly share_of_concerned: number | null;
}

/**
 * Counts the rankings in which a superseded version stands above its current version, or stands there without it, although the
 * user may read the current one.
 */
export function supersededFigures(
  asked: readonly Asked[],
  set: Dataset,
  users: ReadonlyMap<string, MappedUser>,
): SupersededFigures {
  const currentOf = new Map<string, string>();
  for (const { id, meta } of set.documents) {
    if (typeof meta.supersededBy === "string") currentOf.set(id, meta.supersededBy);
  }
  const currents = new Set(currentOf.values());
  let concerned = 0;
  let above = 0;
  for (const { user, hits } of asked) {
    const visible = users.get(user)?.visible ?? new Set();
    const rank = new Map(hits.map((id, at) => [id, at]));
    if (hits.some((id) => currentOf.has(id) || currents.has(id))) concerned++;
    const wrong = hits.some((id, at) => {
      const current = currentOf.get(id);
      return current !== undefined && visible.has(current) && (rank.get(current) ?? Number.POSITIVE_INFINITY) > at;
    });
    if (wrong) above++;
  }
  const share = (of: number) => (of === 0 ? null : above / of);
  return {
    asked: asked.length,
    concerned,
    superseded_above_current: above,
    share: share(asked.length),
    share_of_concerned: share(concerned),
  };
}
