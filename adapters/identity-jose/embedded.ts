import { createPrivateKey, createPublicKey, randomUUID } from "node:crypto";
import { link, open, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { exportJWK, generateKeyPair, importJWK, SignJWT } from "jose";
import { z } from "zod";
import { principalName } from "#core/access/principal.ts";
import { limits, tenantPattern } from "#core/limits.ts";
import type { Clock } from "#core/ports/clock.ts";
import { embeddedIssuerName, type IssuerConfig, issuerConfigSchema } from "./issuers.ts";

/** Longest life of a token that the embedded issuer signs, seconds: groups in a token hold until it expires. */
export const maxTtlS = 30 * 24 * 3600;

const privateJwkSchema = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string().min(1),
  d: z.string().min(1),
  kid: z.string().min(1),
  alg: z.literal("EdDSA"),
});
const keyFileSchema = z.object({ keys: z.tuple([privateJwkSchema]) });
type PrivateJwk = z.infer<typeof privateJwkSchema>;

const keyPath = (dataDir: string) => join(dataDir, "issuer-key.json");

/**
 * The issuer whose key lies in the data directory, which must exist; makes the key when there is none. Its clock is ours, so it needs no
 * tolerance.
 * @throws Error that names the file when it is there but is not such a key.
 */
export async function embeddedIssuer(dataDir: string): Promise<IssuerConfig> {
  if ((await readKey(keyPath(dataDir))) === undefined) await makeKey(dataDir);
  return issuerConfigSchema.parse({
    issuer: embeddedIssuerName,
    tenants: "*",
    algorithms: ["EdDSA"],
    keyFile: keyPath(dataDir),
    clockToleranceS: 0,
  });
}

/** What a token of the embedded issuer says. Names are plain (`alice`, `finance`), without a kind before them. */
export interface TokenRequest {
  readonly dataDir: string;
  readonly tenant: string;
  readonly user: string;
  readonly groups: readonly string[];
  /** Agents that act for the user, the current one first; at most limits.actors. */
  readonly agents: readonly string[];
  /** Life in seconds, 1 … {@link maxTtlS}. */
  readonly ttlS: number;
  readonly audience: string;
  readonly clock?: Clock;
}

/** There is no key to sign with. The message is one line for a person. */
export class SigningKeyMissing extends Error {
  constructor(path: string) {
    super(`${path}: there is no signing key; the service makes it at its first start (npm start, or npm run demo)`);
    this.name = "SigningKeyMissing";
  }
}

/**
 * Signs a token with the key of the data directory. Only reads: a key made here would be one that no service knows.
 * @throws RangeError with one clear sentence when the service would not accept such a token
 * @throws SigningKeyMissing; Error that names the file when it is no such key
 */
export async function signToken(request: TokenRequest): Promise<string> {
  checkRequest(request);
  const path = keyPath(request.dataDir);
  const key = await readKey(path);
  if (key === undefined) throw new SigningKeyMissing(path);
  const nowS = Math.floor((request.clock ?? Date.now)() / 1000);
  let act: { sub: string; act?: object } | undefined;
  for (const agent of request.agents.toReversed()) {
    act = { sub: `agent:${agent}`, ...(act === undefined ? {} : { act }) };
  }
  return await new SignJWT({
    tenant: request.tenant,
    groups: [...request.groups],
    ...(act === undefined ? {} : { act }),
  })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "JWT" })
    .setIssuer(embeddedIssuerName)
    .setSubject(request.user)
    .setAudience(request.audience)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + request.ttlS)
    .sign(await importJWK(key, key.alg));
}

function checkRequest({ tenant, user, groups, agents, ttlS }: TokenRequest): void {
  if (!tenantPattern.test(tenant)) throw new RangeError("tenant: letters, digits, . _ - (at most 64)");
  for (const [what, names] of [
    ["user", [user]],
    ["group", groups],
    ["agent", agents],
  ] as const) {
    const bad = names.find((name) => principalName(name) === undefined || name.startsWith("agent:"));
    if (bad !== undefined) throw new RangeError(`${what}: ${JSON.stringify(bad)} is not a plain name`);
  }
  if (groups.length > limits.tokenGroups) throw new RangeError(`groups: at most ${limits.tokenGroups}`);
  if (agents.length > limits.actors) throw new RangeError(`agents: at most ${limits.actors}`);
  if (!Number.isInteger(ttlS) || ttlS < 1 || ttlS > maxTtlS) throw new RangeError(`ttl: 1 … ${maxTtlS} seconds`);
}

async function readKey(path: string): Promise<PrivateJwk | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    const why = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new Error(`${path}: the signing key cannot be read (${why})`, { cause: error });
  }
  return parseKey(text, path);
}

function parseKey(text: string, path: string): PrivateJwk {
  try {
    const [key] = keyFileSchema.parse(JSON.parse(text)).keys;
    // A key of the wrong length, or a public half that belongs to another one, would sign tokens that nobody accepts.
    const own = createPublicKey(createPrivateKey({ key, format: "jwk" })).export({ format: "jwk" });
    if (own.x !== key.x) throw new Error("the two halves do not belong together");
    return key;
  } catch {
    // The cause would quote the file, and the file is a private key.
    throw new Error(
      `${path}: not an Ed25519 key of this service; restore it, or remove it: the next start makes a new one`,
    );
  }
}

/** The key appears whole or not at all, and whoever comes second uses the first one's. */
async function makeKey(dataDir: string): Promise<void> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: randomUUID(), alg: "EdDSA" };
  const path = keyPath(dataDir);
  const draft = `${path}.${randomUUID()}.tmp`;
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ keys: [jwk] }, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  } finally {
    await unlink(draft);
  }
  if ((await readKey(path)) === undefined) throw new Error(`${path}: vanished while it was being made`);
}

/**
 * Looks at the key in a data directory, and makes none.
 * @returns the file, and whether it is there; then it is a key that can sign
 * @throws Error that names the file when it is there but is not such a key
 */
export async function embeddedKeyIn(dataDir: string): Promise<{ readonly file: string; readonly isThere: boolean }> {
  const file = keyPath(dataDir);
  return { file, isThere: (await readKey(file)) !== undefined };
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;
