import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRemoteJWKSet, type JWK } from "jose";
import { z } from "zod";
import type { IssuerConfig } from "./issuers.ts";
import { openKeys, privateMembers } from "./keys.ts";

/** Shortest modulus of an RSA key, bits (RFC 7518, section 3.3); shorter ones are refused with the first token. */
const leastRsaBits = 2_048;

/** The public keys of an issuer, as far as they say whose tokens will be accepted. */
export interface IssuerKeys {
  /** E.g. `RSA 2048`, `EC P-256`. */
  readonly kinds: readonly string[];
  /** What will keep tokens from being accepted, or anybody from trusting them, one line each. */
  readonly problems: readonly string[];
}

/**
 * Looks at the keys of an issuer: reads its file, or fetches its JWKS once.
 * @throws Error that names the file when it cannot be used; what `fetch` and jose throw for a JWKS
 */
export async function lookAtKeys(issuer: IssuerConfig): Promise<IssuerKeys> {
  const keys = issuer.jwksUrl === undefined ? await keysOfFile(issuer) : await keysAt(issuer.jwksUrl, issuer);
  const problems: string[] = [];
  const kinds = keys.map((key) => {
    const { kind, bits } = kindOf(key);
    if (bits !== undefined && bits < leastRsaBits)
      problems.push(`a key is ${kind}, at least ${leastRsaBits} bits are needed`);
    if (privateMembers.some((member) => member in key)) problems.push("the private half of a key is published with it");
    return kind;
  });
  const usable = issuer.algorithms.filter((algorithm) => keys.some((key) => fits(key, algorithm)));
  if (usable.length === 0)
    problems.push(`none of its keys (${kinds.join(", ")}) is for ${issuer.algorithms.join(", ")}`);
  return { kinds: [...new Set(kinds)], problems: [...new Set(problems)] };
}

async function keysAt(url: string, { jwksTimeoutMs }: IssuerConfig): Promise<readonly JWK[]> {
  const remote = createRemoteJWKSet(new URL(url), { timeoutDuration: jwksTimeoutMs });
  await remote.reload();
  return remote.jwks()?.keys ?? [];
}

async function keysOfFile(issuer: IssuerConfig): Promise<readonly JWK[]> {
  // Refuses whatever a service would refuse at its start.
  await openKeys(issuer);
  const text = await readFile(issuer.keyFile ?? "", "utf8");
  if (text.trimStart().startsWith("-----BEGIN")) {
    return [z.looseObject({ kty: z.string() }).parse(createPublicKey(text).export({ format: "jwk" }))];
  }
  const { keys } = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) }).parse(JSON.parse(text));
  return keys;
}

function kindOf(key: JWK): { readonly kind: string; readonly bits?: number } {
  if (key.kty !== "RSA") return { kind: [key.kty, key.crv].filter((part) => part !== undefined).join(" ") };
  const bytes = Buffer.from(key.n ?? "", "base64url");
  const leading = Math.clz32(bytes[0] ?? 0) - 24;
  const bits = Math.max(0, bytes.length * 8 - leading);
  return { kind: `RSA ${bits}`, bits };
}

const curves: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

/** Whether a key can have signed with an algorithm. A key may say that it is for another one, or for encryption. */
function fits(key: JWK, algorithm: string): boolean {
  if (key.use !== undefined && key.use !== "sig") return false;
  if (key.alg !== undefined && key.alg !== algorithm) return false;
  if (/^[RP]S/.test(algorithm)) return key.kty === "RSA";
  if (algorithm.startsWith("ES")) return key.kty === "EC" && key.crv === curves[algorithm];
  return key.kty === "OKP" && key.crv === "Ed25519";
}
