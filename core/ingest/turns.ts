import type { Sliced } from "../text/slices.ts";

/** How long sliced work goes on before everything else that waits gets its turn, ms. */
export const turnMs = 10;

/** Does sliced work, giving way to requests every {@link turnMs}. Rejects with what the work throws. */
export async function inTurns<T>(work: Sliced<T>): Promise<T> {
  for (let since = performance.now(); ; ) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() - since < turnMs) continue;
    await nextTurn();
    since = performance.now();
  }
}

/** Resolves after everything that waits now has had its turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
