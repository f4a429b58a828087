import type { AclEntry } from "#core/access/acl.ts";
import { groups, labels, readers } from "../cast.ts";
import { type Chaos, oneOf } from "../context.ts";
import { type Access, mayRead } from "../model/access.ts";
import type { Content, DocumentOperation, DocumentState } from "../model/document.ts";
import type { TrackedDocument } from "../model/world.ts";

/** Operations that are sent one after the other; those of one step at the same time. */
export type Episode = readonly (readonly DocumentOperation[])[];

/** Makes what writers do. Every new content has a number that no other one has. */
export class Episodes {
  #puts = 0;
  readonly #versions = new Map<TrackedDocument, number>();

  /** The first put of a document. */
  create(random: () => number, document: TrackedDocument): Episode {
    return [[this.#put(random, document, accessOf(random))]];
  }

  /** Something to do to a document in a known state. */
  change(random: () => number, document: TrackedDocument, state: DocumentState): Episode {
    const put = (access = state.access): DocumentOperation => this.#put(random, document, access);
    const { content, revision } = state;
    if (content === null) return this.#afterDelete(random, document, state);
    const { version } = content;
    const stale = { version: Math.max(0, version - 1 - Math.floor(random() * 3)), put: this.#number() };
    const changed = (): DocumentOperation => ({ kind: "access", access: otherAccess(random, state.access) });
    const kinds: readonly (readonly [weight: number, make: () => Episode])[] = [
      [24, () => [[put()]]],
      [10, () => [[put(accessOf(random))]]],
      [24, () => [[changed()]]],
      [8, () => [[changed()], [changed()]]],
      [10, () => [[{ kind: "delete", version }]]],
      [4, () => [[{ kind: "delete", version }], [put(accessOf(random))]]],
      // What does not count: an older version, the same one with other content, a delete of an older one.
      [3, () => [[{ kind: "put", content: stale, access: everybody }]]],
      [2, () => [[{ kind: "put", content: { version, put: this.#number() }, access: everybody }]]],
      [1, () => [[{ kind: "delete", version: Math.max(0, version - 1) }]]],
      // At the same time, through both indexers.
      [4, () => this.#outOfOrder(random, document)],
      [4, () => [[this.#ifMatch(random, state, revision), this.#ifMatch(random, state, revision)]]],
      [2, () => [[changed(), put(accessOf(random))]]],
      [2, () => [[{ kind: "delete", version }, put()]]],
      [2, () => [[{ kind: "access", access: otherAccess(random, state.access), ifMatch: revision + 1 }]]],
    ];
    const total = kinds.reduce((sum, [weight]) => sum + weight, 0);
    let drawn = random() * total;
    for (const [weight, make] of kinds) {
      drawn -= weight;
      if (drawn < 0) return make();
    }
    return [[put()]];
  }

  /** The same put twice at the same time, then again. */
  repeat(random: () => number, document: TrackedDocument, state: DocumentState): Episode {
    const operation = this.#put(random, document, state.access);
    return [[operation, operation], [operation]];
  }

  #afterDelete(random: () => number, document: TrackedDocument, { tombstone }: DocumentState): Episode {
    const drawn = random();
    if (drawn < 0.7) return [[this.#put(random, document, accessOf(random))]];
    const version = tombstone ?? 0;
    if (drawn < 0.8) return [[{ kind: "put", content: { version, put: this.#number() }, access: everybody }]];
    if (drawn < 0.9) return [[{ kind: "access", access: everybody }]];
    return [[{ kind: "delete", version: this.#next(random, document) }]];
  }

  #outOfOrder(random: () => number, document: TrackedDocument): Episode {
    const first = this.#put(random, document, accessOf(random));
    const second = this.#put(random, document, accessOf(random));
    return [random() < 0.5 ? [first, second] : [second, first]];
  }

  #ifMatch(random: () => number, state: DocumentState, ifMatch: number): DocumentOperation {
    return { kind: "access", access: otherAccess(random, state.access), ifMatch };
  }

  #put(random: () => number, document: TrackedDocument, access: Access): DocumentOperation {
    const content: Content = { version: this.#next(random, document), put: this.#number() };
    return { kind: "put", content, access };
  }

  #next(random: () => number, document: TrackedDocument): number {
    const version = (this.#versions.get(document) ?? 0) + 1 + Math.floor(random() * 3);
    this.#versions.set(document, version);
    return version;
  }

  #number(): number {
    this.#puts += 1;
    return this.#puts;
  }
}

const everybody: Access = { acl: [{ access_type: "grant", type: "everyone" }], labels: [] };

/** An access list as people write them; some let nobody in. */
export function accessOf(random: () => number): Access {
  if (random() < 0.04) return { acl: [], labels: [] };
  const acl: AclEntry[] = [];
  if (random() < 0.12) acl.push({ access_type: "grant", type: "everyone" });
  const grants = 1 + Math.floor(random() * 3);
  for (let at = 0; at < grants; at += 1) acl.push({ access_type: "grant", ...whom(random) });
  if (random() < 0.25) acl.push({ access_type: "deny", ...whom(random) });
  return { acl, labels: random() < 0.25 ? [oneOf(random, labels)] : [] };
}

/** Access that takes something away, or adds something, or is another one altogether. */
function otherAccess(random: () => number, { acl, labels: given }: Access): Access {
  const drawn = random();
  if (drawn < 0.3) return { acl: [...acl, { access_type: "deny", ...whom(random) }], labels: given };
  if (drawn < 0.5 && acl.length > 1) return { acl: acl.slice(1), labels: given };
  if (drawn < 0.65) return { acl, labels: given.length > 0 ? [] : [oneOf(random, labels)] };
  if (drawn < 0.75) return { acl: [], labels: given };
  return accessOf(random);
}

function whom(random: () => number): { readonly type: "user" | "group"; readonly value: string } {
  return random() < 0.75
    ? { type: "group", value: oneOf(random, groups) }
    : { type: "user", value: oneOf(random, readers).user };
}

/** Notes readers who could read a document before and cannot now: they are asked for next. */
export function noteNarrowed(
  chaos: Chaos,
  document: TrackedDocument,
  before: DocumentState,
  after: DocumentState,
): void {
  const { tenant, source } = document;
  if (before.content === null) return;
  for (const reader of readers) {
    if (!mayRead(reader, tenant, source, before.access)) continue;
    if (after.content !== null && mayRead(reader, tenant, source, after.access)) continue;
    chaos.narrowed.push({ document, reader });
    if (chaos.narrowed.length > 200) chaos.narrowed.shift();
  }
}
