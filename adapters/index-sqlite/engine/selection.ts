import type { Space } from "./space.ts";

/**
 * The chunks that a search looks at, in the order of `compareKeys` and the chunk number. Everything that a search sums or cuts runs
 * over these positions, never over slots.
 */
export interface Selection {
  readonly slots: Int32Array;
  /** Place of the document among the selected ones, by position. */
  readonly owners: Int32Array;
  /** Position by slot; −1 for a slot that is not selected. */
  readonly positions: Int32Array;
}

/**
 * @param handles generations in the order of `compareKeys`; −1 for one that the index does not hold
 * @throws Error when a handle names no generation here: what is searched would not be what was asked for
 */
export function selectionOf(space: Space, handles: Int32Array): Selection {
  let count = 0;
  const generations: (Int32Array | undefined)[] = [];
  for (const handle of handles) {
    const generation = handle < 0 ? undefined : space.generation(handle);
    if (handle >= 0 && generation === undefined) throw new Error(`the engine does not hold generation ${handle}`);
    generations.push(generation);
    count += generation?.length ?? 0;
  }
  const slots = new Int32Array(count);
  const owners = new Int32Array(count);
  const positions = new Int32Array(space.slots).fill(-1);
  let at = 0;
  for (let owner = 0; owner < generations.length; owner++) {
    const generation = generations[owner] ?? none;
    for (let i = 0; i < generation.length; i++) {
      const slot = generation[i] ?? 0;
      slots[at] = slot;
      owners[at] = owner;
      positions[slot] = at++;
    }
  }
  return { slots, owners, positions };
}

const none = new Int32Array(0);
