/**
 * Work that may take long, as a generator: it yields wherever it can be interrupted, at most a few milliseconds apart, and
 * returns its result. Who drives it decides what happens in between; the work itself knows nothing of time or events.
 */
export type Sliced<T> = Generator<undefined, T, undefined>;

/** Does the work at a stretch, for callers that have nothing else to do. */
export function finish<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** So much of a long text is read between two chances to interrupt, UTF-16 code units: a few milliseconds. */
export const sliceChars = 16_384;
