/** A place where steps of a test meet: one side passes values, the other waits for them. */
export interface Gate<T> {
  /** Adds a value. */
  pass(value: T): void;
  /** Waits until that many values have passed in all, and gives them in order. */
  first(count: number): Promise<readonly T[]>;
}

/** Makes a gate. */
export function gate<T>(): Gate<T> {
  const passed: T[] = [];
  let waiting: { readonly count: number; readonly resolve: (values: readonly T[]) => void }[] = [];
  return {
    pass(value) {
      passed.push(value);
      const ready = waiting.filter(({ count }) => passed.length >= count);
      waiting = waiting.filter(({ count }) => passed.length < count);
      for (const { count, resolve } of ready) resolve(passed.slice(0, count));
    },
    first(count) {
      if (passed.length >= count) return Promise.resolve(passed.slice(0, count));
      return new Promise((resolve) => {
        waiting.push({ count, resolve });
      });
    },
  };
}
