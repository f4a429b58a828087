/**
 * A port of which some methods are a test's own; everything else, present or absent, is the port's. (A copy by `{ ...port }` would lose the methods of
 * a class, and with them what the port says of itself by having them.)
 */
export function replacing<T extends object>(port: T, own: Partial<T>): T {
  return new Proxy(port, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name);
      const value: unknown = Reflect.get(target, name, target);
      // Bound to the port itself, whose private fields a proxy does not have.
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
