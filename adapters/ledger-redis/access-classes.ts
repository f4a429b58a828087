import { createHash } from "node:crypto";
import { z } from "zod";
import type { Access } from "#core/access/acl.ts";
import { type IsVisible, isVisible, type SomeVisibility } from "#core/access/visible.ts";
import type { DocumentRecord } from "#core/document.ts";
import { storedAccess } from "#core/ingest/record-schema.ts";
import { isNameable, type KeyNames, nameOf } from "./names.ts";

/**
 * Documents that replace others are found by what they replace, and kept apart by who may see them: all that are visible to exactly the same
 * callers are one class. A question asks once per class, whether it is visible; what lies in a hidden class is not even named.
 */
export interface AccessClass {
  readonly source: string;
  /** The wanted access. */
  readonly wanted: Access;
  /** The access that older live text stays under; the wanted one while the wanted content is live. */
  readonly own: Access;
}

const schema: z.ZodType<AccessClass> = z.strictObject({ source: z.string(), wanted: storedAccess, own: storedAccess });

/** A document's place among the replacements of another one. */
interface Place {
  /** The hash of classes by id. */
  readonly classes: string;
  readonly id: string;
  readonly json: string;
}

/** Where a document stands as a replacement: by the key of the members of its class. */
export function accessClassesOf(names: KeyNames, record: DocumentRecord): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  const { key, wanted, access, live } = record;
  if (wanted === undefined) return places;
  for (const [fingerprint, generation] of Object.entries(live)) {
    if (generation.quality.supersedes.length === 0) continue;
    const own = generation.generation === wanted.generation ? access : generation.access;
    const json = JSON.stringify({ source: key.source, wanted: access, own } satisfies AccessClass);
    // What the id names is in it: a class that was read once is known for good.
    const id = createHash("sha256").update(json).digest("base64url").slice(0, 22);
    for (const replaced of generation.quality.supersedes) {
      const replacedKey = { ...replaced, tenant: key.tenant };
      if (!isNameable(replacedKey)) continue;
      const name = nameOf(replacedKey);
      places.set(names.replacing(fingerprint, name, id), { classes: names.replaced(fingerprint, name), id, json });
    }
  }
  return places;
}

/** Classes kept in memory: above it the one that was put in first is forgotten. */
const kept = 10_000;

/** Remembers classes by id, and asks of each whether it is visible. */
export class KnownClasses {
  readonly #classes = new Map<string, AccessClass>();
  readonly #isVisible: IsVisible;

  constructor(visible: IsVisible = isVisible) {
    this.#isVisible = visible;
  }

  has(id: string): boolean {
    return this.#classes.has(id);
  }

  /** @throws when the text is not a class */
  learn(id: string, json: string): void {
    this.#classes.set(id, schema.parse(JSON.parse(json)));
    if (this.#classes.size <= kept) return;
    const [oldest] = this.#classes.keys();
    if (oldest !== undefined) this.#classes.delete(oldest);
  }

  /** Whether documents of a class are visible. A class that is not known is not. */
  isOpen(id: string, visibility: SomeVisibility): boolean {
    const known = this.#classes.get(id);
    if (known === undefined) return false;
    const { tenant } = visibility;
    const { source, wanted, own } = known;
    return [wanted, own].every((access) => this.#isVisible({ tenant, source, access }, visibility));
  }
}
