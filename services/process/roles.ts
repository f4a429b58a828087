/** What a process of a deployment does: everything, answer questions, take documents in, or index them. */
export const roles = ["all", "query", "indexer", "worker"] as const;
/** One of {@link roles}. */
export type Role = (typeof roles)[number];

/** What a role is made of. Every process says how it is (`/healthz`, `/readyz`, `/v1/status`). */
export interface Duties {
  /** Answers `/retrieve`, and keeps traces and feedback. */
  readonly answers: boolean;
  /** Serves the ingest API and sends wake-ups. */
  readonly takesIn: boolean;
  /** Takes wake-ups, indexes, and repairs what was lost. */
  readonly indexes: boolean;
}

/** The duties of a role. */
export function dutiesOf(role: Role): Duties {
  return {
    answers: role === "all" || role === "query",
    takesIn: role === "all" || role === "indexer",
    indexes: role === "all" || role === "worker",
  };
}
