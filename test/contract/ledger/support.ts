import type { DocumentKey } from "#core/document.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { Ledger } from "#core/ports/ledger.ts";

/** Opens an empty ledger on a clock. `reopen` gives another ledger over the same store, as after a crash. */
export type OpenLedger = (clock: Clock) => Promise<{ readonly ledger: Ledger; reopen(): Promise<Ledger> }>;

/** The fingerprint that the contract indexes under. */
export const fingerprint = "fingerprint-a";

/** Announces and publishes the wanted generation of a document. */
export async function makeLive(ledger: Ledger, key: DocumentKey, under = fingerprint): Promise<void> {
  const [record] = await ledger.read([key]);
  if (record?.wanted === undefined) throw new Error("there is nothing to publish");
  const generation = { key, generation: record.wanted.generation, fingerprint: under };
  await ledger.announce(generation);
  const outcome = await ledger.publish({
    ...generation,
    contentVersion: record.wanted.version,
    accessRevision: record.accessRevision,
    chunkCount: 1,
  });
  if (outcome !== "published") throw new Error(`not published: ${outcome}`);
}
