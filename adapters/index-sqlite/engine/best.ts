/**
 * Positions of the highest numbers above a bound, at most `limit`, best first. Equal numbers keep the order of their positions,
 * so the result depends on nothing but the numbers.
 */
export function best(values: Float64Array, limit: number, above = 0): Int32Array {
  const heap: number[] = [];
  // The worst of those kept lies at the root.
  const worse = (a: number, c: number): boolean => {
    const x = values[a] ?? 0;
    const y = values[c] ?? 0;
    return x < y || (x === y && a > c);
  };
  const down = (from: number): void => {
    const item = heap[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && worse(heap[child + 1] ?? 0, heap[child] ?? 0)) child++;
      if (!worse(heap[child] ?? 0, item)) break;
      heap[at] = heap[child] ?? 0;
      at = child;
    }
    heap[at] = item;
  };
  const up = (item: number): void => {
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!worse(item, heap[parent] ?? 0)) break;
      heap[at] = heap[parent] ?? 0;
      at = parent;
    }
    heap[at] = item;
  };
  // Most numbers fall below the worst of those kept: one comparison for each of them. Later positions lose a tie.
  let bound = above;
  for (let position = 0; position < values.length; position++) {
    if (!((values[position] ?? 0) > bound)) continue;
    if (heap.length < limit) {
      up(position);
    } else if (limit > 0) {
      heap[0] = position;
      down(0);
    }
    if (heap.length === limit) bound = values[heap[0] ?? 0] ?? 0;
  }
  return Int32Array.from(heap.toSorted((a, c) => (worse(a, c) ? 1 : -1)));
}
