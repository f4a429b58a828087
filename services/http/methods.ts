import type { FastifyInstance } from "fastify";

/**
 * Remembers every route that is registered from now on.
 * @returns the methods that a path could be asked with, sorted; empty when no route has such a path. The list of routes is public, so
 * that this tells nothing about what is stored.
 */
export function rememberRoutes(app: FastifyInstance): (rawUrl: string) => readonly string[] {
  const routes: { readonly method: string; readonly segments: readonly string[] }[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, segments: url.split("/") });
  });
  return (rawUrl) => {
    const path = rawUrl.split("?", 1)[0] ?? "";
    const segments = path.split("/");
    const fits = (pattern: readonly string[]) =>
      pattern.length === segments.length &&
      pattern.every((part, at) => (part.startsWith(":") ? segments[at] !== "" : part === segments[at]));
    return [...new Set(routes.filter((route) => fits(route.segments)).map((route) => route.method))].toSorted();
  };
}
