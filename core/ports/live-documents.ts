import type { DocumentKey } from "../document.ts";
import type { SearchFilter } from "./index.ts";

/** A live generation that a filter selects. Objects are stable: the same generation is the same object from search to search. */
export interface LiveRef {
  readonly key: DocumentKey;
  readonly generation: number;
  /** `keyString(key)` + "@" + generation, made once. */
  readonly ref: string;
}

/**
 * The ledger's own view of what is live, for an index in the same process. It changes in the critical section of each commit,
 * so a revoked document leaves candidates and statistics at once.
 */
export interface LiveDocuments {
  /**
   * The live generations of visible ∧ (eligible) ∧ conditions, sorted by `compareKeys`. Visible here means what the re-check means: the wanted
   * access and, while newer content is being indexed, also the access of the live generation. Eligible leaves out documents
   * superseded by one that this filter can see. The array is never changed; as long as nothing else is selected, an equal filter may
   * be answered with the same one.
   */
  select(fingerprint: string, filter: SearchFilter): readonly LiveRef[];
}
