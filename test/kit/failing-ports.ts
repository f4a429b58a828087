/** A call of a port's method, as it was made. */
export interface PortCall {
  readonly port: string;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Who sees the calls of ports, and may keep them from being done. */
export interface PortWatch {
  readonly calls: PortCall[];
  /** Gives what happens instead of a call, or `undefined` to let it be done. */
  instead: ((call: PortCall) => Promise<unknown> | undefined) | undefined;
}

/** Puts a watch around some methods of a port. */
export function watchedPort<T extends object>(
  watch: PortWatch,
  port: string,
  target: T,
  methods: readonly string[],
): T {
  return new Proxy(target, {
    get(of, name) {
      const value: unknown = Reflect.get(of, name, of);
      if (typeof value !== "function") return value;
      // Bound to the port itself, whose private fields a proxy does not have.
      if (typeof name !== "string" || !methods.includes(name)) return value.bind(of);
      return (...args: unknown[]) => {
        const call = { port, method: name, args };
        watch.calls.push(call);
        return watch.instead?.(call) ?? value.apply(of, args);
      };
    },
  });
}

/** The signal that a call carries, always as its last argument. */
export function signalIn({ args }: PortCall): AbortSignal | undefined {
  const last = args.at(-1);
  return last instanceof AbortSignal ? last : undefined;
}

/** What never comes. */
export const never = (): Promise<never> => new Promise(() => {});
