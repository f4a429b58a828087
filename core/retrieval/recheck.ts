import { type IsVisible, isVisible, type VisibilityFilter } from "../access/visible.ts";
import type { DocumentRecord } from "../document.ts";

/** What the re-check looks at: one hit, and what the ledger says of its document now. */
export interface RecheckSubject {
  readonly record: DocumentRecord;
  /** The generation that the hit belongs to. */
  readonly generation: number;
  readonly fingerprint: string;
  readonly filter: VisibilityFilter;
  readonly isVisible: IsVisible;
}

/** One condition of the re-check. */
export type RecheckCheck = (subject: RecheckSubject) => boolean;

/** The conditions that decide who may read a document now, by name. */
export const readableChecks = {
  /** A deleted document is readable to nobody. */
  tombstone: ({ record }) => record.tombstone === undefined && record.wanted !== undefined,
  /** The access that the source wants now. */
  wantedAccess: (subject) =>
    subject.isVisible({ ...subject.record.key, access: subject.record.access }, subject.filter),
  /**
   * While newer content is being indexed, or has failed, the live text also stays under the access that it had as wanted
   * content: new, wider rights never open old text.
   */
  liveAccess: ({ record, fingerprint, filter, isVisible: visible }) => {
    const live = record.live[fingerprint];
    if (live === undefined) return false;
    return record.wanted?.generation === live.generation || visible({ ...record.key, access: live.access }, filter);
  },
} satisfies Record<string, RecheckCheck>;

/** The condition that decides whether a hit is of the text that is live now. */
export const liveGenerationCheck: RecheckCheck = ({ record, fingerprint, generation }) =>
  record.live[fingerprint]?.generation === generation;

/**
 * `confirmed`: the hit may be used. `hidden`: the caller may not read the document now. `replaced`: the caller may, but the hit is of
 * another generation than the live one.
 */
export type RecheckVerdict = "confirmed" | "hidden" | "replaced";

/** Decides about a hit from the ledger's record, or from its absence. */
export type Recheck = (
  record: DocumentRecord | undefined,
  generation: number,
  filter: VisibilityFilter,
  fingerprint: string,
) => RecheckVerdict;

/**
 * Builds the re-check. Production builds it once, from all conditions, as {@link recheck}; tests leave one out to prove that it
 * matters.
 */
export function makeRecheck(
  readable: readonly RecheckCheck[],
  liveGeneration: RecheckCheck,
  visible: IsVisible = isVisible,
): Recheck {
  return (record, generation, filter, fingerprint) => {
    if (record === undefined) return "hidden";
    const subject: RecheckSubject = { record, generation, fingerprint, filter, isVisible: visible };
    if (!readable.every((check) => check(subject))) return "hidden";
    return liveGeneration(subject) ? "confirmed" : "replaced";
  };
}

/** The one re-check of the service. */
export const recheck: Recheck = makeRecheck(Object.values(readableChecks), liveGenerationCheck);

/** Whether a caller may read the live text of a document now: the re-check without a hit. */
export function isReadableNow(record: DocumentRecord, filter: VisibilityFilter, fingerprint: string): boolean {
  const live = record.live[fingerprint];
  return live !== undefined && recheck(record, live.generation, filter, fingerprint) === "confirmed";
}
