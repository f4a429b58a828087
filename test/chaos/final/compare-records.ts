import type { DocumentStatus } from "../actors/write.ts";
import { factsOfStatus } from "../actors/write.ts";
import { factsKey, factsOf } from "../model/document.ts";
import type { TrackedDocument, Violation, World } from "../model/world.ts";
import type { ChunkCounts } from "./compare-index.ts";

/** What is stored of one tenant's documents, as an indexer lists it. */
export interface StoredRecord {
  readonly tenant: string;
  readonly status: DocumentStatus;
}

/** Every document of the model against what is stored, and the other way round. With it, the chunks that each is said to have. */
export function compareRecords(
  world: World,
  records: readonly StoredRecord[],
): { readonly chunks: ChunkCounts; readonly violations: readonly Violation[] } {
  const violations: Violation[] = [];
  const chunks = new Map<TrackedDocument, number>();
  const seen = new Set<TrackedDocument>();
  for (const { tenant, status } of records) {
    const { source, id } = status;
    const document = world.find(tenant, source, id);
    if (document === undefined) {
      violations.push({ kind: "unknown-document", message: `${source}/${id} is stored and was never sent` });
      continue;
    }
    seen.add(document);
    const state = document.settled;
    const facts = state === undefined ? undefined : factsOf(state);
    if (document.isBroken || state === undefined) continue;
    const isRight = facts !== undefined && factsKey(facts) === factsKey(factsOfStatus(status));
    const isLive =
      state.content === null
        ? status.state === "deleted" && status.live_generation === null
        : status.state === "searchable" &&
          status.live_generation === state.generation &&
          status.live_version === state.content.version;
    if (!isRight || !isLive) {
      const message = `${source}/${id} is ${JSON.stringify(status)} instead of ${JSON.stringify(facts)}`;
      violations.push({ kind: isRight ? "not-live" : "wrong-record", message, document });
    }
    if (status.live_chunks !== null) chunks.set(document, status.live_chunks);
  }
  for (const document of world.documents) {
    const isStored = document.settled?.exists ?? true;
    if (isStored && !seen.has(document) && !document.isBroken) {
      violations.push({ kind: "lost-document", message: `${document.source}/${document.id} is not stored`, document });
    }
  }
  return { chunks, violations };
}

/** A list of what a reader may read, against the model's own. @param how by what the list was made */
export function compareListing(
  reader: string,
  how: string,
  mine: ReadonlySet<TrackedDocument>,
  listed: ReadonlySet<TrackedDocument | undefined>,
): readonly Violation[] {
  const violations: Violation[] = [];
  for (const document of mine) {
    if (listed.has(document) || document.isBroken) continue;
    violations.push({ kind: "not-listed", message: `${reader} does not see ${document.id} by ${how}`, document });
  }
  for (const document of listed) {
    if (document === undefined) violations.push({ kind: "unknown-document", message: `${reader} sees it by ${how}` });
    else if (!mine.has(document) && !document.isBroken) {
      violations.push({ kind: "listed-though-hidden", message: `${reader} sees ${document.id} by ${how}`, document });
    }
  }
  return violations;
}
