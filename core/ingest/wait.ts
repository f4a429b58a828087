import type { DocumentKey, DocumentRecord } from "../document.ts";
import type { Ledger } from "../ports/ledger.ts";
import type { DocumentChanges } from "./changes.ts";

/** What to wait for, and how long. */
export interface WaitUntilSearchable {
  readonly ledger: Pick<Ledger, "read">;
  readonly changes: DocumentChanges;
  readonly key: DocumentKey;
  /** The generation that was accepted. */
  readonly generation: number;
  /** What it is to be live under, all of them. */
  readonly fingerprints: readonly string[];
  /** Longest wait, ms. */
  readonly timeoutMs: number;
  /** How often the ledger is asked even when nobody tells of a change, ms. */
  readonly pollMs?: number;
}

/** How the wait ended; `indexing`: the time was over first. */
export interface WaitResult {
  readonly state: "searchable" | "failed" | "deleted" | "indexing";
  /** The record that it was seen in; `undefined` for a document that never existed. */
  readonly record: DocumentRecord | undefined;
}

/**
 * Waits until a generation, or a newer one, is searchable or has failed, or the document is deleted. It looks at the ledger when
 * told of a change, and at an interval for changes that were made elsewhere.
 * @throws AppError `ledger-unavailable`
 */
export async function waitUntilSearchable(wait: WaitUntilSearchable): Promise<WaitResult> {
  const { ledger, changes, key, timeoutMs, pollMs = 500 } = wait;
  let wake: () => void = () => {};
  let changed = false;
  let over = false;
  const stopWatching = changes.watch(key, () => {
    changed = true;
    wake();
  });
  const timer = setTimeout(() => {
    over = true;
    wake();
  }, timeoutMs);
  const poll = setInterval(() => wake(), pollMs);
  try {
    for (;;) {
      // Before the read: a change during it must not go unseen.
      changed = false;
      const isLast = over;
      const [record] = await ledger.read([key]);
      const state = stateOf(record, wait);
      if (state !== "indexing" || isLast) return { state, record };
      if (changed || over) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stopWatching();
    clearTimeout(timer);
    clearInterval(poll);
  }
}

function stateOf(
  record: DocumentRecord | undefined,
  { generation, fingerprints }: WaitUntilSearchable,
): WaitResult["state"] {
  if (record?.wanted === undefined) return "deleted";
  const isLive = (fingerprint: string) => (record.live[fingerprint]?.generation ?? -1) >= generation;
  if (fingerprints.every(isLive)) return "searchable";
  return record.failure !== undefined && record.failure.generation >= generation ? "failed" : "indexing";
}
