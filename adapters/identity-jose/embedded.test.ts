import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import { embeddedIssuer, maxTtlS, SigningKeyMissing, signToken, type TokenRequest } from "./embedded.ts";
import { issuerConfigSchema } from "./issuers.ts";
import { makeTokenVerifier } from "./verifier.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "embedded-"));
});
afterAll(() => rm(root, { recursive: true }));

const fresh = () => mkdtemp(join(root, "data-"));
/** A data directory with a key in it. */
const withKey = async () => {
  const dataDir = await fresh();
  await embeddedIssuer(dataDir);
  return dataDir;
};
const request = (dataDir: string, overrides: Partial<TokenRequest> = {}): TokenRequest => ({
  dataDir,
  tenant: "acme",
  user: "alice",
  groups: ["finance"],
  agents: [],
  ttlS: 60,
  audience: "reticent",
  ...overrides,
});
const verifierOf = async (dataDir: string, clock = Date.now) =>
  makeTokenVerifier({ issuers: [await embeddedIssuer(dataDir)], audience: "reticent", clock });

test("a token that was signed with the key of the data directory is accepted as what it was signed for", async () => {
  const dataDir = await withKey();
  const token = await signToken(
    request(dataDir, { agents: ["assistant", "planner"], groups: ["finance", "employees"] }),
  );
  expect(await (await verifierOf(dataDir)).verify(token)).toEqual({
    tenant: "acme",
    user: "user:alice",
    groups: ["group:employees", "group:finance"],
    actors: ["agent:assistant", "agent:planner"],
  });
});

test("the key file is readable by its owner only, and stays as it was made", async () => {
  const dataDir = await withKey();
  const [name, ...others] = await readdir(dataDir);
  expect(others).toEqual([]);
  const file = join(dataDir, name ?? "");
  // Windows has no such modes; there the folder's own rights count.
  expect(process.platform === "win32" ? 0o600 : (await stat(file)).mode & 0o777).toBe(0o600);
  const before = await readFile(file, "utf8");
  await embeddedIssuer(dataDir);
  expect(await readFile(file, "utf8")).toBe(before);
});

test("many that start at once on an empty data directory agree on one key", async () => {
  const dataDir = await fresh();
  const sign = async () => {
    await embeddedIssuer(dataDir);
    return signToken(request(dataDir));
  };
  const tokens = await Promise.all(Array.from({ length: 12 }, sign));
  const verifier = await verifierOf(dataDir);
  for (const token of tokens) expect((await verifier.verify(token)).user).toBe("user:alice");
  expect(await readdir(dataDir)).toHaveLength(1);
});

test("the embedded clock has no tolerance: a token holds to the second", async () => {
  const dataDir = await withKey();
  const token = await signToken(request(dataDir, { ttlS: 60, clock: () => 1_000_000_000 }));
  await (await verifierOf(dataDir, () => 1_000_059_999)).verify(token);
  const later = await verifierOf(dataDir, () => 1_000_060_000);
  await expect(later.verify(token)).rejects.toMatchObject({ code: "token-expired" });
});

test("the key of another data directory is not accepted", async () => {
  const token = await signToken(request(await withKey()));
  await expect((await verifierOf(await fresh())).verify(token)).rejects.toMatchObject({ code: "unauthenticated" });
});

test("signing only reads: without a key it names the file, and makes none", async () => {
  const dataDir = await fresh();
  await expect(signToken(request(dataDir))).rejects.toThrow(/issuer-key\.json: there is no signing key; .*npm start/);
  await expect(signToken(request(join(dataDir, "nowhere")))).rejects.toThrow(SigningKeyMissing);
  expect(await readdir(dataDir)).toEqual([]);
});

test("a broken key file stops the start and is not quoted", async () => {
  const dataDir = await fresh();
  await embeddedIssuer(dataDir);
  const file = join(dataDir, (await readdir(dataDir))[0] ?? "");
  await writeFile(file, '{"keys":[{"d":"secret-part"}]}');
  await expect(embeddedIssuer(dataDir)).rejects.toThrow(/^(?!.*secret-part).*not an Ed25519 key/s);
  await expect(signToken(request(dataDir))).rejects.toThrow(/^(?!.*secret-part).*not an Ed25519 key/s);
});

test("every tenant is for the embedded issuer alone", async () => {
  const issuer = await embeddedIssuer(await fresh());
  expect(issuer).toMatchObject({ tenants: "*", clockToleranceS: 0, algorithms: ["EdDSA"] });
  expect(issuerConfigSchema.safeParse({ ...issuer, issuer: "https://id.example" }).success).toBe(false);
});

test("a token that the service would refuse is not signed", async () => {
  const dataDir = await fresh();
  const refused: Partial<TokenRequest>[] = [
    { tenant: "a/b" },
    { user: "" },
    { user: "agent:x" },
    { groups: [" x"] },
    { groups: Array.from({ length: limits.tokenGroups + 1 }, (_, at) => `g${at}`) },
    { agents: ["a", "b", "c", "d", "e"] },
    { agents: ["agent:a"] },
    { ttlS: 0 },
    { ttlS: maxTtlS + 1 },
    { ttlS: 1.5 },
  ];
  for (const change of refused) await expect(signToken(request(dataDir, change))).rejects.toThrow(RangeError);
  expect(await readdir(dataDir)).toEqual([]);
});
