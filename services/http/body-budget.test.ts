import { type ClientRequest, request } from "node:http";
import type { FastifyInstance } from "fastify";
import { afterEach, expect, test } from "vitest";
import type { Caller } from "#core/access/principal.ts";
import { limits } from "#core/limits.ts";
import { authPlugin } from "./auth.ts";
import { bodyBudgetPlugin } from "./body-budget.ts";
import { makeServer } from "./server.ts";

const opened: FastifyInstance[] = [];
const sending: ClientRequest[] = [];
afterEach(async () => {
  for (const client of sending.splice(0)) client.destroy();
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

/** Tokens here are the users' names. The real verifier has tests of its own. */
const verifier = {
  verify: async (token: string): Promise<Caller> => ({ tenant: "acme", user: `user:${token}`, groups: [], actors: [] }),
};

/** A server that tells when a request has been let in to send its body. */
async function server() {
  const app = makeServer({ logLevel: "silent", deadlineMs: 5_000 });
  opened.push(app);
  await app.register(authPlugin, { verifier, ledger: { disabledAmong: async () => [] } });
  await app.register(bodyBudgetPlugin);
  let admitted = () => {};
  app.addHook("preParsing", async () => admitted());
  app.put("/v1/text", async () => ({ ok: true }));
  const url = await app.listen({ port: 0, host: "127.0.0.1" });

  const start = (user: string, headers: Record<string, string>): ClientRequest => {
    const all = { authorization: `Bearer ${user}`, "content-type": "application/json", ...headers };
    const client = request(`${url}/v1/text`, { method: "PUT", headers: all, agent: false });
    client.on("error", () => {});
    sending.push(client);
    return client;
  };
  /** Sends the head of a request alone, and waits until it was let in. */
  const hold = async (user: string, headers: Record<string, string>) => {
    const inside = new Promise<void>((resolve) => {
      admitted = resolve;
    });
    const client = start(user, headers);
    client.flushHeaders();
    await inside;
    admitted = () => {};
    return client;
  };
  const send = (user: string, body = "{}") =>
    app.inject({
      method: "PUT",
      url: "/v1/text",
      headers: { authorization: `Bearer ${user}`, "content-type": "application/json" },
      payload: body,
    });
  return { hold, send };
}

const most = limits.requestBytes;
const together = limits.bodyBytesInFlight / most;

for (const [name, headers] of [
  ["of declared length", { "content-length": String(most) }],
  ["without a length", { "transfer-encoding": "chunked" }],
] as const) {
  test(`one principal's bodies ${name} are bounded together, nobody else waits, and what is gone is free again`, async () => {
    const { hold, send } = await server();
    const held: ClientRequest[] = [];
    for (let at = 0; at < together; at++) held.push(await hold("alice", headers));
    const refused = await send("alice");
    expect(refused.json()).toMatchObject({ status: 429, code: "rate-limited", limit: { name: "bodyBytesInFlight" } });
    expect(refused.headers["retry-after"]).toBe("1");
    expect((await send("bob")).statusCode).toBe(200);

    held[0]?.destroy();
    await expect.poll(async () => (await send("alice")).statusCode).toBe(200);
    // What was answered is free as well: many one after the other are as good as one.
    const large = JSON.stringify({ text: "x".repeat(most - 100) });
    for (let at = 0; at < 3; at++) expect((await send("alice", large)).statusCode).toBe(200);
  });
}
