import { type Gate, gate } from "./gate.ts";

/** A port of which one method waits, so that a test decides what happens around it. */
export interface Held<T> {
  readonly port: T;
  /** Resolves once the method was called (`before`) or has done its work (`after`). */
  readonly reached: Promise<unknown>;
  /** Lets the call go on. */
  release(): void;
}

/**
 * Wraps a port so that the first call of an async method waits before or after its work, until it is released; every other call
 * passes.
 */
export function hold<T extends object>(target: T, method: keyof T & string, when: "before" | "after"): Held<T> {
  const reached: Gate<void> = gate();
  const released: Gate<void> = gate();
  let calls = 0;
  const stop = async (): Promise<void> => {
    reached.pass();
    await released.first(1);
  };
  const port = intercept(target, method, async (call) => {
    calls += 1;
    const isFirst = calls === 1;
    if (isFirst && when === "before") await stop();
    const result = await call();
    if (isFirst && when === "after") await stop();
    return result;
  });
  return { port, reached: reached.first(1), release: () => released.pass() };
}

/** Wraps a port so that a test's own function stands around one async method. */
export function intercept<T extends object>(
  target: T,
  method: keyof T & string,
  around: (call: () => Promise<unknown>) => Promise<unknown>,
): T {
  return new Proxy(target, {
    get(port, name) {
      const value: unknown = Reflect.get(port, name, port);
      if (typeof value !== "function") return value;
      // Bound to the port itself, whose private fields a proxy does not have.
      if (name !== method) return value.bind(port);
      return (...args: unknown[]) => around(async () => value.apply(port, args));
    },
  });
}
