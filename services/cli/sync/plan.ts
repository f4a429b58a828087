import type { DocumentStatus } from "#services/indexer/status.ts";

/**
 * What happens to a file or a stored document. `vanished`: stored, but its file is gone, and `--delete` was not given.
 * `failed`: it was sent, or is stored, but did not become searchable. `unsent`: the run stopped before its turn.
 */
export const actions = [
  "create",
  "update",
  "access",
  "unchanged",
  "delete",
  "vanished",
  "refused",
  "failed",
  "unsent",
  "skipped",
] as const;
export type Action = (typeof actions)[number];

/** One line of the plan. `id` ends in a slash for a folder that cannot be read. */
export interface PlanItem {
  readonly id: string;
  readonly action: Action;
  readonly reason?: string;
  readonly warnings: readonly string[];
  /** The content version to send or to delete; for `create`, `update` and `delete`. */
  readonly version?: number;
  /** The access revision that the plan was made from; 0 = the document does not exist yet. */
  readonly accessRevision?: number;
  /** The file's document has no date. */
  readonly undated?: boolean;
}

/** What the plan looks at in a file. */
export interface LocalDocument {
  readonly id: string;
  readonly contentHash: string;
  readonly accessHash: string;
  readonly warnings: readonly string[];
}

/** A stored document that lacks what every writer is told. */
export class IncompleteStatusError extends Error {
  override readonly name = "IncompleteStatusError";
}

/**
 * Decides about a file from the hashes over content and access, and nothing else.
 * @throws IncompleteStatusError when the service hides versions from this token.
 */
export function planDocument(local: LocalDocument, stored: DocumentStatus | undefined): PlanItem {
  const { id, warnings } = local;
  if (stored === undefined) return { id, action: "create", warnings, version: 1, accessRevision: 0 };
  const { version, accessRevision } = numbersOf(stored);
  if (stored.state === "deleted") return { id, action: "create", warnings, version: version + 1, accessRevision };
  if (stored.content_hash !== local.contentHash) {
    return { id, action: "update", warnings, version: version + 1, accessRevision };
  }
  if (stored.access_hash !== local.accessHash) return { id, action: "access", warnings, accessRevision };
  if (stored.state !== "failed") return { id, action: "unchanged", warnings };
  return { id, action: "failed", reason: failureText(stored) ?? "cannot be indexed", warnings };
}

/**
 * Decides about stored documents whose files are gone. A refused file is not gone, nor is anything below a folder that could not be read.
 * @param present ids of everything that was found; an id that ends in a slash stands for all below it
 */
export function planVanished(
  stored: Iterable<DocumentStatus>,
  present: ReadonlySet<string>,
  remove: boolean,
): PlanItem[] {
  const folders = [...present].filter((id) => id === "" || id.endsWith("/"));
  const items: PlanItem[] = [];
  for (const status of stored) {
    const { id } = status;
    if (status.state === "deleted" || present.has(id) || folders.some((folder) => id.startsWith(folder))) continue;
    const { version } = numbersOf(status);
    items.push(
      remove
        ? { id, action: "delete", warnings: [], version }
        : { id, action: "vanished", reason: "no file any more; --delete removes it", warnings: [] },
    );
  }
  return items;
}

/** Why a stored document is not searchable, in one line. */
export function failureText(status: DocumentStatus): string | undefined {
  return status.failure === null ? undefined : `not indexed: ${status.failure.message} (${status.failure.code})`;
}

function numbersOf(status: DocumentStatus): { version: number; accessRevision: number } {
  if (status.version === null || status.access_revision === null) {
    throw new IncompleteStatusError(`${status.id}: the service does not tell its version`);
  }
  return { version: status.version, accessRevision: status.access_revision };
}
