import { accessOf } from "#core/access/acl.ts";
import { keyString } from "#core/document.ts";
import { stampsIn } from "../content.ts";
import { isSame } from "../model/document.ts";
import type { TrackedDocument, Violation, World } from "../model/world.ts";
import type { StoredPoint } from "./qdrant.ts";

/** What the index holds: searched points and texts. */
export interface IndexContents {
  readonly search: readonly StoredPoint[];
  readonly texts: readonly StoredPoint[];
}

/** Chunks of a document's live generation, as an indexer says. */
export type ChunkCounts = ReadonlyMap<TrackedDocument, number>;

/**
 * Holds the points of the index against the model: of every document exactly the chunks of the wanted generation, with the wanted access; of nothing else
 * anything.
 */
export function compareIndex(
  world: World,
  { search, texts }: IndexContents,
  chunks: ChunkCounts,
): readonly Violation[] {
  const violations: Violation[] = [];
  const searched = new Map<TrackedDocument, Set<string>>();
  const named = new Map(world.documents.map((document) => [keyString(document), document]));
  for (const point of search) {
    const { tenant, source, document: name, generation } = point.payload;
    const document = named.get(String(name));
    const state = document?.settled;
    // Filters look at tenant and source, erasures at the name: they have to mean the same document.
    if (document === undefined || document.tenant !== tenant || document.source !== source) {
      violations.push({ kind: "orphan-point", message: `a point of ${name} in ${tenant}/${source} is of nothing` });
      continue;
    }
    if (document.isBroken || state === undefined) continue;
    if (state.content === null || generation !== state.generation) {
      const wanted = state.content === null ? "deleted" : `at generation ${state.generation}`;
      violations.push({
        kind: "orphan-point",
        message: `${nameOf(document)} is ${wanted}, a point is of ${generation}`,
        document,
      });
      continue;
    }
    searched.set(document, (searched.get(document) ?? new Set()).add(point.id));
    const wanted = accessOf(state.access.acl, state.access.labels);
    const { grants, denies, labels, other_grants, access_revision } = point.payload;
    const copy = JSON.stringify([grants, denies, labels, other_grants, access_revision]);
    const expected = JSON.stringify([wanted.grants, wanted.denies, wanted.labels, [], state.revision]);
    if (copy !== expected) {
      violations.push({
        kind: "access-copy",
        message: `${nameOf(document)} has ${copy} instead of ${expected}`,
        document,
      });
    }
  }
  const held = new Map(texts.map((point) => [point.id, point]));
  for (const document of world.documents) {
    const state = document.settled;
    if (document.isBroken || state === undefined || state.content === null) continue;
    const ids = searched.get(document) ?? new Set<string>();
    if (ids.size !== chunks.get(document)) {
      const message = `${nameOf(document)} has ${ids.size} chunks in the index instead of ${chunks.get(document)}`;
      violations.push({ kind: "lost-chunks", message, document });
    }
    for (const id of ids) {
      const [stamp, ...others] = stampsIn(String(held.get(id)?.payload.text ?? ""));
      held.delete(id);
      if (
        stamp === undefined ||
        others.length > 0 ||
        stamp.marker !== document.marker ||
        !isSame(stamp, state.content)
      ) {
        violations.push({ kind: "wrong-text", message: `${nameOf(document)}: a chunk's text is not of it`, document });
      }
    }
  }
  for (const [id, { payload }] of held) {
    const [stamp] = stampsIn(String(payload.text ?? ""));
    const document = world.documents.find(({ marker }) => marker === stamp?.marker);
    if (document?.isBroken === true) continue;
    violations.push({
      kind: "orphan-text",
      message: `the text ${id} of generation ${payload.generation} belongs to nothing that is searched`,
      ...(document === undefined ? {} : { document }),
    });
  }
  return violations;
}

const nameOf = ({ tenant, source, id }: TrackedDocument): string => `${tenant}/${source}/${id}`;
