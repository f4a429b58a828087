import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { embeddedIssuer } from "#adapters/identity-jose/embedded.ts";
import { makeTokenVerifier } from "#adapters/identity-jose/verifier.ts";
import { run } from "./token.ts";

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "token-"));
  await embeddedIssuer(dataDir);
});
afterAll(() => rm(dataDir, { recursive: true }));

async function token(...args: string[]) {
  const printed = { out: "", err: "" };
  const code = await run(args, {
    env: { RETICENT_DATA: dataDir },
    out: (text) => {
      printed.out += text;
    },
    err: (text) => {
      printed.err += text;
    },
  });
  return { code, ...printed };
}

test("prints one token that the service on the same data directory accepts", async () => {
  const args = [
    "--tenant",
    "acme",
    "--user",
    "mia",
    "--group",
    "managers",
    "--group",
    "employees",
    "--agent",
    "assistant",
  ];
  const { code, out, err } = await token(...args, "--ttl", "5m");
  expect([code, err]).toEqual([0, ""]);
  const issuers = [await embeddedIssuer(dataDir)];
  const verifier = await makeTokenVerifier({ issuers, audience: "reticent", clock: Date.now });
  expect(await verifier.verify(out.trim())).toEqual({
    tenant: "acme",
    user: "user:mia",
    groups: ["group:employees", "group:managers"],
    actors: ["agent:assistant"],
  });
});

test("--json prints the token with what it says", async () => {
  const { out } = await token("--tenant", "acme", "--user", "mia", "--json");
  expect(JSON.parse(out)).toEqual({
    token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    expires_at: expect.stringMatching(/Z$/),
    tenant: "acme",
    user: "mia",
    groups: [],
    agents: [],
  });
});

test("without a key it exits with 1 and one line that names the file and who makes it, and makes none itself", async () => {
  const empty = await mkdtemp(join(tmpdir(), "token-"));
  const printed = { out: "", err: "" };
  const io = {
    env: { RETICENT_DATA: join(empty, "data"), RETICENT_AUDIENCE: "" },
    out: (text: string) => (printed.out += text),
    err: (text: string) => (printed.err += text),
  };
  expect(await run(["--tenant", "acme", "--user", "mia"], io)).toBe(1);
  expect(printed.out).toBe("");
  expect(printed.err).toMatch(/^reticent token: [^\n]*data.issuer-key\.json: [^\n]*npm start[^\n]*\n$/);
  expect(await readdir(empty)).toEqual([]);
  await rm(empty, { recursive: true });
});

test("mistakes in the arguments exit with 2 and one line", async () => {
  for (const args of [
    [],
    ["--tenant", "acme"],
    ["--tenant", "acme", "--user", "mia", "--ttl", "soon"],
    ["--tenant", "acme", "--user", "mia", "--ttl", "31d"],
    ["--tenant", "a b", "--user", "mia"],
    ["--tenant", "acme", "--user", "mia", "--role", "admin"],
    ["--tenant", "acme", "--user", "mia", "extra"],
  ]) {
    const { code, out, err } = await token(...args);
    expect([args.join(" "), [code, out]]).toEqual([args.join(" "), [2, ""]]);
    expect(err).toMatch(/^reticent token: [^\n]+\n$/);
  }
  expect((await token("--help")).out).toContain("usage: reticent token");
});
