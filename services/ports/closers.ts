/** What was opened so far, to be closed in the reverse order, once. */
export class Closers {
  readonly #steps: (() => unknown)[] = [];

  /** Remembers how to close what was just opened. */
  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Closes everything, the last opened first. */
  async close(): Promise<void> {
    // One at a time: an adapter may use the one that was opened before it until its own end.
    for (const step of this.#steps.splice(0).toReversed()) await step();
  }
}
