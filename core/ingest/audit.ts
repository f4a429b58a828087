import type { DocumentKey, DocumentRecord } from "../document.ts";
import type { LedgerArchive } from "../ports/archive.ts";
import type { Clock } from "../ports/clock.ts";
import type { IndexStand, NotedGeneration, VectorIndex } from "../ports/index.ts";
import type { Ledger } from "../ports/ledger.ts";
import { lostCopy } from "./transitions.ts";

/** Documents compared at a time. */
const pageSize = 200;
/** Pages of one step while the index is being filled; between steps the reconciler wakes what was found lost. */
const fillingPages = 50;

/** An index that can be lost apart from the ledger. */
export type AuditedIndex = Required<Pick<VectorIndex, "lacking" | "stand" | "filled">>;

/** Settings of {@link makeAudit}. */
export interface AuditOptions {
  readonly ledger: Pick<Ledger, "list" | "lostByIndex">;
  readonly archive: Pick<LedgerArchive, "tenants">;
  readonly index: AuditedIndex;
  readonly clock: Clock;
  /** The fingerprints that documents are live under. */
  readonly fingerprints: () => readonly string[];
  /** Told of each step that found something, and of an index that is whole again. Must not throw. */
  readonly onEvent: (event: AuditEvent) => void;
}

/** What an audit found. */
export type AuditEvent =
  | { readonly kind: "lost"; readonly fingerprint: string; readonly documents: number }
  | { readonly kind: "filled"; readonly fingerprint: string };

/** No instance: whatever is live is lost. */
const nothingMade: IndexStand = { instance: "", isFilled: false, isHeld: false };

/** How far the audit of one fingerprint is. */
interface Pass {
  readonly instance: string;
  /** Tenants that are still to be looked at, the present one first. */
  tenants: readonly string[];
  after: DocumentKey | undefined;
  /** Documents that keep the index from being called whole: lacking in it, or never live although they were accepted before it was seen new. */
  open: number;
}

/** Compares what is live with what the index holds. */
export interface Audit {
  /**
   * The next part of a pass over all documents, for each fingerprint. What the index lacks is noted in the ledger, which then lags; a whole pass
   * that found nothing lacking makes a new index searchable.
   * @returns whether the index is searched now under every fingerprint that anything was made for
   * @throws AppError `ledger-unavailable`, `index-unavailable`
   */
  step(): Promise<boolean>;
}

/** Whether an index is one that {@link makeAudit} can compare. */
export function isAudited<T extends Partial<AuditedIndex>>(index: T): index is T & AuditedIndex {
  return index.lacking !== undefined && index.stand !== undefined && index.filled !== undefined;
}

/**
 * Makes the audit. An index that came back empty, or from an old copy of its disk, knows less than the ledger, and would tell callers that there is no
 * answer; so a new one is refused until it is filled, with what waited to be indexed when it was first seen, and an old one is looked through again and again, a page per step.
 */
export function makeAudit({ ledger, archive, index, clock, fingerprints, onEvent }: AuditOptions): Audit {
  const passes = new Map<string, Pass>();
  /** When an instance was first seen unfilled, ms since the epoch. */
  const seenNew = new Map<string, number>();

  async function step(fingerprint: string): Promise<boolean> {
    const found = await index.stand(fingerprint);
    const stand = found ?? nothingMade;
    // What was seen so far is of a ledger that lacked something.
    if (stand.isHeld) {
      passes.delete(fingerprint);
      return false;
    }
    if (stand.isFilled) seenNew.delete(stand.instance);
    else if (!seenNew.has(stand.instance)) seenNew.set(stand.instance, clock());
    const newSince = seenNew.get(stand.instance);
    let lost = 0;
    // Nothing was ever made for a previous model that never had a document: nobody waits for that.
    let isSearched = stand.isFilled || found === undefined;
    for (let page = 0; page < (stand.isFilled ? 1 : fillingPages); page += 1) {
      const pass = await passOf(fingerprint, stand);
      const [tenant, ...others] = pass.tenants;
      if (tenant === undefined) {
        passes.delete(fingerprint);
        // Where nothing was made, the first write makes it.
        if (stand.isFilled || pass.open > 0 || found === undefined) break;
        await index.filled(fingerprint, stand.instance);
        isSearched = true;
        onEvent({ kind: "filled", fingerprint });
        break;
      }
      const records = await ledger.list({
        tenant,
        state: "stored",
        fingerprint,
        limit: pageSize,
        ...(pass.after === undefined ? {} : { after: pass.after }),
      });
      const lacking = await lostOf(fingerprint, records);
      for (const generation of lacking) await ledger.lostByIndex({ ...generation, fingerprint });
      pass.open += lacking.length + (newSince === undefined ? 0 : waitingSince(fingerprint, newSince, records));
      lost += lacking.length;
      pass.after = records.at(-1)?.key;
      if (records.length < pageSize) Object.assign(pass, { tenants: others, after: undefined });
    }
    if (lost > 0) onEvent({ kind: "lost", fingerprint, documents: lost });
    return isSearched;
  }

  /** What came after is new to callers as well; what came before, an import for instance, was there to be found. */
  function waitingSince(fingerprint: string, before: number, records: readonly DocumentRecord[]): number {
    return records.filter(
      ({ wanted, failure, live }) =>
        wanted !== undefined &&
        failure === undefined &&
        live[fingerprint]?.generation !== wanted.generation &&
        Date.parse(wanted.acceptedAt) < before,
    ).length;
  }

  async function passOf(fingerprint: string, { instance }: IndexStand): Promise<Pass> {
    const going = passes.get(fingerprint);
    if (going?.instance === instance) return going;
    const pass: Pass = { instance, tenants: await archive.tenants(), after: undefined, open: 0 };
    passes.set(fingerprint, pass);
    return pass;
  }

  async function lostOf(fingerprint: string, records: readonly DocumentRecord[]): Promise<readonly NotedGeneration[]> {
    const noted = records.flatMap(({ key, wanted, failure, live }) => {
      const is = live[fingerprint];
      // Only of what is wanted is there a body to write it again from; what cannot be indexed is not waited for.
      if (is === undefined || is.generation !== wanted?.generation || failure !== undefined) return [];
      // Without a note it was published for an index that keeps no copy.
      const { generation, chunkCount, indexedAccess: accessRevision = lostCopy } = is;
      return [{ key, generation, fingerprint, chunkCount, accessRevision }];
    });
    const known = noted.filter(({ accessRevision }) => accessRevision !== lostCopy);
    const unknown = noted.filter(({ accessRevision }) => accessRevision === lostCopy);
    return [...(known.length === 0 ? [] : await index.lacking(fingerprint, known)), ...unknown];
  }

  return {
    async step() {
      let isSearched = true;
      for (const fingerprint of fingerprints()) isSearched = (await step(fingerprint)) && isSearched;
      return isSearched;
    },
  };
}
