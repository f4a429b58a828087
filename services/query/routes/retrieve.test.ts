import { expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import type { Retrieve } from "#core/retrieval/retrieve.ts";
import { authPlugin } from "#services/http/auth.ts";
import { makeServer } from "#services/http/server.ts";
import { retrieveRoutes } from "./retrieve.ts";

test("a burst of questions of one principal keeps nobody else's from being worked on", async () => {
  const begun: string[] = [];
  const ended = Promise.withResolvers<never>();
  const retrieve: Retrieve = ({ user }) => {
    begun.push(user);
    return ended.promise;
  };
  const app = makeServer({ logLevel: "silent", deadlineMs: 5_000 });
  await app.register(authPlugin, {
    // The token is the user's name.
    verifier: { verify: async (token) => ({ tenant: "one", user: `user:${token}`, groups: [], actors: [] }) },
    ledger: { disabledAmong: async () => [] },
  });
  await app.register(retrieveRoutes, { retrieve });
  const ask = (user: string, url: string) =>
    app.inject({ method: "POST", url, headers: { authorization: `Bearer ${user}` }, payload: { query: "why" } });
  try {
    const urls = Array.from({ length: 2 * limits.retrievesAtOnce }, (_, i) =>
      i % 2 === 0 ? "/retrieve" : "/v1/retrieve",
    );
    const burst = urls.map((url) => ask("eager", url));
    const other = ask("patient", "/v1/retrieve");
    await expect.poll(() => begun).toContain("user:patient");
    expect(begun.filter((user) => user === "user:eager")).toHaveLength(limits.retrievesAtOnce);
    ended.reject(new Error("enough"));
    expect((await Promise.all([...burst, other])).map(({ statusCode }) => statusCode)).toEqual(
      [...urls, "other"].map(() => 500),
    );
    expect(begun).toHaveLength(urls.length + 1);
  } finally {
    await app.close();
  }
});
