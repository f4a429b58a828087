import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompactSign, exportJWK, type JWK, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AppError } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import { type IssuerConfig, issuerConfigSchema } from "./issuers.ts";
import { makeTokenVerifier } from "./verifier.ts";

const nowMs = Date.UTC(2026, 0, 15, 12);
const nowS = nowMs / 1000;
const ec = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const keys = ec();
const audience = "reticent";
const pemOf = (key: KeyObject) => String(key.export({ type: "spki", format: "pem" }));
let dir: string;
let pem: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "identity-"));
  pem = join(dir, "public.pem");
  await writeFile(pem, pemOf(keys.publicKey));
});
afterAll(() => rm(dir, { recursive: true }));

const issuerOf = (overrides: object = {}): IssuerConfig =>
  issuerConfigSchema.parse({
    issuer: "https://id.example",
    tenants: ["acme", "beta"],
    algorithms: ["ES256"],
    ...("jwksUrl" in overrides ? {} : { keyFile: pem }),
    ...overrides,
  });

const claims = {
  iss: "https://id.example",
  aud: audience,
  sub: "alice",
  tenant: "acme",
  groups: ["finance", "employees"],
  exp: nowS + 60,
};

const sign = (payload: object, key: KeyObject = keys.privateKey, header: object = {}) =>
  new SignJWT({ ...payload }).setProtectedHeader({ alg: "ES256", ...header }).sign(key);

const verifierOf = (...issuers: IssuerConfig[]) =>
  makeTokenVerifier({ issuers: issuers.length === 0 ? [issuerOf()] : issuers, audience, clock: () => nowMs });

async function codeOf(token: string | Promise<string>, ...issuers: IssuerConfig[]): Promise<string> {
  const verifier = await verifierOf(...issuers);
  try {
    await verifier.verify(await token);
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return "accepted";
}

test("a token says who is asking: tenant, user, sorted groups without repetition, agents in order", async () => {
  const token = await sign({
    ...claims,
    sub: "Zoe\u0301",
    groups: ["b", "a", "b"],
    act: { sub: "agent:assistant", act: { sub: "planner" } },
  });
  expect(await (await verifierOf()).verify(token)).toEqual({
    tenant: "acme",
    user: "user:Zo\u00e9",
    groups: ["group:a", "group:b"],
    actors: ["agent:assistant", "agent:planner"],
  });
});

test("an expired token, one not valid yet, and one without an expiry are refused", async () => {
  const exact = issuerOf({ clockToleranceS: 0 });
  expect(await codeOf(sign({ ...claims, exp: nowS }), exact)).toBe("token-expired");
  expect(await codeOf(sign({ ...claims, exp: nowS - 3 }), issuerOf({ clockToleranceS: 5 }))).toBe("accepted");
  expect(await codeOf(sign({ ...claims, nbf: nowS + 1 }), exact)).toBe("unauthenticated");
  expect(await codeOf(sign({ ...claims, exp: undefined }))).toBe("unauthenticated");
});

test("another audience, a missing one, an unknown issuer and a foreign key are refused", async () => {
  expect(await codeOf(sign({ ...claims, aud: "another" }))).toBe("unauthenticated");
  expect(await codeOf(sign({ ...claims, aud: undefined }))).toBe("unauthenticated");
  expect(await codeOf(sign({ ...claims, iss: "https://evil.example" }))).toBe("unauthenticated");
  expect(await codeOf(sign({ ...claims, iss: undefined }))).toBe("unauthenticated");
  expect(await codeOf(sign(claims, ec().privateKey))).toBe("unauthenticated");
  expect(await codeOf(sign({ ...claims, aud: "mine" }), issuerOf({ audience: "mine" }))).toBe("accepted");
});

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

test("alg none, HS256 with the public key as its secret, and an algorithm off the list are refused", async () => {
  expect(await codeOf(`${part({ alg: "none" })}.${part(claims)}.`)).toBe("unauthenticated");
  const signed = `${part({ alg: "HS256" })}.${part(claims)}`;
  const secret = pemOf(keys.publicKey);
  const forged = `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  expect(await codeOf(forged)).toBe("unauthenticated");
  expect(await codeOf(sign(claims), issuerOf({ algorithms: ["ES384"] }))).toBe("unauthenticated");
  for (const algorithm of ["none", "HS256"]) {
    expect(() => issuerOf({ algorithms: [algorithm] })).toThrow("algorithms");
  }
});

test("an issuer signs for its own tenants only", async () => {
  expect(await codeOf(sign({ ...claims, tenant: "beta" }))).toBe("accepted");
  expect(await codeOf(sign({ ...claims, tenant: "marlow" }))).toBe("tenant-not-allowed");
  for (const tenant of [undefined, "", "a/b", ["acme"], 7]) {
    expect([String(tenant), await codeOf(sign({ ...claims, tenant }))]).toEqual([String(tenant), "unauthenticated"]);
  }
  expect(() => issuerOf({ tenants: "*" })).toThrow("tenants");
});

test("groups that are missing, incomplete or malformed refuse the token", async () => {
  const incomplete: object[] = [
    { groups: undefined },
    { groups: "finance" },
    { groups: null },
    { groups: ["finance", 7] },
    { groups: ["finance", ""] },
    { groups: ["a\u0000b"] },
    { groups: undefined, _claim_names: { groups: "src1" }, _claim_sources: { src1: { endpoint: "https://x" } } },
    { _claim_names: { groups: "src1" } },
    { hasgroups: true },
    { groups: [], "groups:src1": "https://x" },
  ];
  for (const change of incomplete) {
    expect([JSON.stringify(change), await codeOf(sign({ ...claims, ...change }))]).toEqual([
      JSON.stringify(change),
      "groups-missing",
    ]);
  }
  expect(await codeOf(sign({ ...claims, groups: [] }))).toBe("accepted");
  const without = await verifierOf(issuerOf({ groups: "none" }));
  expect((await without.verify(await sign({ ...claims, groups: undefined }))).groups).toEqual([]);
  expect((await without.verify(await sign(claims))).groups).toEqual([]);
});

test("too many groups are refused by name, never cut", async () => {
  const groups = Array.from({ length: limits.tokenGroups + 1 }, (_, at) => `g${at}`);
  const verifier = await verifierOf();
  await expect(verifier.verify(await sign({ ...claims, groups }))).rejects.toMatchObject({
    code: "token-too-large",
    details: { limit: { name: "tokenGroups", max: limits.tokenGroups } },
  });
  expect(await codeOf(sign({ ...claims, groups: groups.slice(1) }))).toBe("accepted");
});

test("a token larger than the limit is refused before it is read", async () => {
  const token = await sign({ ...claims, pad: "x".repeat(limits.tokenBytes) });
  await expect((await verifierOf()).verify(token)).rejects.toMatchObject({
    code: "token-too-large",
    details: { limit: { name: "tokenBytes", max: limits.tokenBytes } },
  });
});

const chain = (length: number): object | undefined =>
  length === 0 ? undefined : { sub: `agent:a${length}`, act: chain(length - 1) };

test("a chain of four actors is read, one of five and anything odd in a chain is refused", async () => {
  expect(await codeOf(sign({ ...claims, act: chain(4) }))).toBe("accepted");
  await expect((await verifierOf()).verify(await sign({ ...claims, act: chain(5) }))).rejects.toMatchObject({
    code: "token-too-large",
    details: { limit: { name: "actors", max: limits.actors } },
  });
  const odd: unknown[] = [null, "agent:x", [], {}, { sub: "" }, { sub: 7 }, { sub: "agent:" }, { sub: "a", act: null }];
  for (const act of odd)
    expect([JSON.stringify(act), await codeOf(sign({ ...claims, act }))]).toEqual([
      JSON.stringify(act),
      "unauthenticated",
    ]);
});

test("an agent without a user is refused, also when the user is read from another claim", async () => {
  expect(await codeOf(sign({ ...claims, sub: "agent:assistant" }))).toBe("agent-without-user");
  const byMail = issuerOf({ claims: { user: "email" } });
  expect(await codeOf(sign({ ...claims, sub: "agent:bot", email: "a@b.example" }), byMail)).toBe("agent-without-user");
  expect(await codeOf(sign({ ...claims, email: "agent:bot" }), byMail)).toBe("agent-without-user");
  expect(await codeOf(sign({ ...claims, sub: undefined, email: "a@b.example" }), byMail)).toBe("accepted");
  for (const sub of [7, null, true, {}, ["agent:bot"]]) {
    const token = sign({ ...claims, sub, email: "a@b.example" });
    expect([sub, await codeOf(token, byMail)]).toEqual([sub, "unauthenticated"]);
  }
});

test("a signed claim of any type is accepted or refused, and never a failure", async () => {
  const byMail = issuerOf({ claims: { user: "email" } });
  const names = [
    "iss",
    "aud",
    "sub",
    "exp",
    "nbf",
    "iat",
    "jti",
    "tenant",
    "groups",
    "email",
    "act",
    "_claim_names",
    "hasgroups",
  ];
  for (const name of names) {
    for (const value of [null, true, 7, -1e308, "x", "", {}, [], [null], { sub: {} }, { groups: 1 }]) {
      const payload = Buffer.from(JSON.stringify({ ...claims, email: "a@b.example", [name]: value }));
      const token = new CompactSign(payload).setProtectedHeader({ alg: "ES256" }).sign(keys.privateKey);
      // Anything but an AppError is thrown on, and fails the test.
      expect(await codeOf(token, byMail)).toEqual(expect.any(String));
    }
  }
  expect(await codeOf(sign({ ...claims, email: "a@b.example" }), byMail)).toBe("accepted");
  for (const sub of [undefined, "", " alice", "a\nb", "x".repeat(limits.principalChars + 1)]) {
    expect([String(sub), await codeOf(sign({ ...claims, sub }))]).toEqual([String(sub), "unauthenticated"]);
  }
});

test("claim names are the issuer's own, and never come from a prototype", async () => {
  const own = issuerOf({ claims: { user: "uid", tenant: "org", groups: "teams" } });
  const token = await sign({ ...claims, uid: "bob", org: "beta", teams: ["t"] });
  expect(await (await verifierOf(own)).verify(token)).toMatchObject({
    tenant: "beta",
    user: "user:bob",
    groups: ["group:t"],
  });
  const inherited = issuerOf({ claims: { user: "constructor", tenant: "tenant", groups: "groups" } });
  expect(await codeOf(sign(claims), inherited)).toBe("unauthenticated");
});

test("what is no token at all is unauthenticated", async () => {
  for (const token of ["", "x", "a.b.c", `${part({})}.${part({})}.`, "é".repeat(40)]) {
    expect([token, await codeOf(token)]).toEqual([token, "unauthenticated"]);
  }
});

test("a key file may be a PEM public key or a JWKS, but holds no private key", async () => {
  const file = join(dir, "keys.json");
  const other = { ...(await exportJWK(ec().publicKey)), kid: "other" };
  await writeFile(file, JSON.stringify({ keys: [other, { ...(await exportJWK(keys.publicKey)), kid: "mine" }] }));
  const issuer = issuerOf({ keyFile: file });
  expect(await codeOf(sign(claims, keys.privateKey, { kid: "mine" }), issuer)).toBe("accepted");
  expect(await codeOf(sign(claims, keys.privateKey, { kid: "other" }), issuer)).toBe("unauthenticated");
  expect(["without a kid, every key of the issuer is tried", await codeOf(sign(claims), issuer)]).toEqual([
    "without a kid, every key of the issuer is tried",
    "accepted",
  ]);
  expect(await codeOf(sign(claims, ec().privateKey), issuer)).toBe("unauthenticated");

  await writeFile(file, JSON.stringify({ keys: [await exportJWK(keys.privateKey)] }));
  await expect(verifierOf(issuer)).rejects.toThrow("private key");
  await writeFile(file, String(keys.privateKey.export({ type: "pkcs8", format: "pem" })));
  await expect(verifierOf(issuer)).rejects.toThrow("private key");
  await writeFile(file, JSON.stringify({ keys: [{ kty: "oct", k: "c2VjcmV0" }] }));
  await expect(verifierOf(issuer)).rejects.toThrow("kty");
  await expect(verifierOf(issuerOf({ keyFile: join(dir, "absent") }))).rejects.toThrow("ENOENT");
});

test("keys come from exactly one place, over TLS or from this machine, and an issuer is configured once", async () => {
  expect(() => issuerOf({ jwksUrl: "http://id.example/jwks" })).toThrow("https");
  expect(() => issuerOf({ jwksUrl: "https://id.example/jwks", keyFile: pem })).toThrow("exactly one");
  await expect(verifierOf(issuerOf(), issuerOf())).rejects.toThrow("twice");
});

/** A JWKS endpoint whose answer a test sets. */
async function jwksServer() {
  const state: { status: number; keys: JWK[]; fetched: number } = { status: 200, keys: [], fetched: 0 };
  const server = createServer((_request, response) => {
    state.fetched += 1;
    response.writeHead(state.status, { "content-type": "application/json" }).end(JSON.stringify({ keys: state.keys }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  };
  return { state, url: `http://127.0.0.1:${address.port}/jwks`, close };
}

test("keys of a JWKS URL are fetched once, and again when a token names one that came later", async () => {
  const { state, url, close } = await jwksServer();
  try {
    const [first, second] = [ec(), ec()];
    state.keys = [{ ...(await exportJWK(first.publicKey)), kid: "1", alg: "ES256" }];
    const verifier = await verifierOf(issuerOf({ jwksUrl: url, jwksCooldownMs: 0 }));
    const firstToken = await sign(claims, first.privateKey, { kid: "1" });
    await verifier.verify(firstToken);
    await verifier.verify(firstToken);
    expect(state.fetched).toBe(1);

    state.keys = [{ ...(await exportJWK(second.publicKey)), kid: "2", alg: "ES256" }];
    await verifier.verify(await sign(claims, second.privateKey, { kid: "2" }));
    expect(state.fetched).toBe(2);
    await expect(verifier.verify(firstToken)).rejects.toMatchObject({ code: "unauthenticated" });
  } finally {
    await close();
  }
});

test("an issuer whose keys cannot be fetched is an outage, not a wrong token", async () => {
  const { state, url, close } = await jwksServer();
  const verifier = await verifierOf(issuerOf({ jwksUrl: url }));
  state.status = 500;
  await expect(verifier.verify(await sign(claims))).rejects.toMatchObject({ code: "identity-unavailable" });
  await close();
  await expect(verifier.verify(await sign(claims))).rejects.toMatchObject({ code: "identity-unavailable" });
});
