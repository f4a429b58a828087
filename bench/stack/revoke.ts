import { loadavg } from "node:os";
import { Redis } from "ioredis";
import { openRedisLedger } from "#adapters/ledger-redis/ledger.ts";
import { nobody } from "#core/access/acl.ts";
import { round, type Timing } from "../index/figures.ts";
import { keyAt } from "./collection.ts";
import { spread, timed } from "./figures.ts";
import type { Place } from "./inputs.ts";
import { startService } from "./service.ts";

/** How long it takes to take access away, ms; each in turn, because a disk that others use too is fast and slow by the second. */
export interface RevokeFigures {
  /** `PUT …/acl` with an empty list at an indexer process, from request to acknowledgement. */
  readonly acknowledged: Timing;
  /** The commit alone: the ledger's `putAccess`. */
  readonly commit: Timing;
  /** What a synced write of one value takes on that disk. */
  readonly syncedSet: Timing;
  readonly load: number;
}

/** Revokes documents, half of them over HTTP and half in the ledger itself. */
export async function measureRevoke(place: Place, documents: number, revokes: number): Promise<RevokeFigures> {
  const service = await startService(place, "indexer");
  const redis = new Redis(place.redisUrl);
  const { ledger } = await openRedisLedger({ url: place.redisUrl, clock: Date.now });
  const taken = { acknowledged: [] as number[], commit: [] as number[], syncedSet: [] as number[] };
  const count = Math.min(revokes, Math.floor((documents - 1) / 2));
  for (let turn = 1; turn <= count; turn++) {
    const path = `/v1/documents/open/${keyAt(turn).id}/acl`;
    const steps = {
      acknowledged: () => service.call("writers", "PUT", path, { acl: [], labels: [] }),
      commit: () => ledger.putAccess({ key: keyAt(count + turn), access: nobody }),
      syncedSet: () => redis.set("{bench}:value", path.repeat(20)),
    };
    for (const name of ["acknowledged", "commit", "syncedSet"] as const) {
      // oxlint-disable-next-line no-await-in-loop
      const ms = await timed(steps[name]);
      // The first ones find cold code everywhere.
      if (turn > Math.min(10, count / 2)) taken[name].push(ms);
    }
  }
  redis.disconnect();
  await ledger.close();
  await service.close();
  return {
    acknowledged: spread(taken.acknowledged),
    commit: spread(taken.commit),
    syncedSet: spread(taken.syncedSet),
    load: round(loadavg()[0] ?? 0, 1),
  };
}
