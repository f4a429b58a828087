import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  type CryptoKey,
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
  type KeyObject,
} from "jose";
import { z } from "zod";
import { AppError } from "#core/errors.ts";
import { embeddedIssuerName, type IssuerConfig } from "./issuers.ts";

/** Finds the key that a token's header names. */
export type KeyFinder = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey | KeyObject>;

const jwkSchema = z.looseObject({ kty: z.enum(["RSA", "EC", "OKP"]) });
const keyFileSchema = z.object({ keys: z.array(jwkSchema).nonempty() });

/** Members of a JWK that only the holder of the private key has (RFC 7518, section 6; RFC 8037). */
export const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/**
 * Opens an issuer's keys: a file is read now, a JWKS is fetched at the first token.
 * @throws Error when the file cannot be read or holds no usable public key.
 */
export async function openKeys(issuer: IssuerConfig): Promise<KeyFinder> {
  if (issuer.keyFile !== undefined) return await keysOfFile(issuer.keyFile, issuer.issuer === embeddedIssuerName);
  if (issuer.jwksUrl === undefined) throw new Error(`issuer ${issuer.issuer}: neither jwksUrl nor keyFile is given`);
  const remote = createRemoteJWKSet(new URL(issuer.jwksUrl), {
    timeoutDuration: issuer.jwksTimeoutMs,
    cooldownDuration: issuer.jwksCooldownMs,
  });
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (cause) {
      // These two are about the token; anything else is about reaching or reading the issuer's keys.
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) throw cause;
      throw new AppError("identity-unavailable", { retryAfterS: 5 }, { cause });
    }
  };
}

async function keysOfFile(path: string, embedded: boolean): Promise<KeyFinder> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Error(`the key file cannot be read: ${String(cause)}`, { cause });
  });
  if (text.trimStart().startsWith("-----BEGIN")) {
    // A public key can be derived from a private one, but a service that only checks tokens has no business with that.
    if (text.includes("PRIVATE KEY")) throw new Error(`${path}: holds a private key, a public one is needed`);
    const key = notAKey(path, () => createPublicKey(text));
    return async () => key;
  }
  const { keys } = notAKey(path, () => keyFileSchema.parse(JSON.parse(text)));
  if (!embedded && keys.some((key) => privateMembers.some((member) => member in key))) {
    throw new Error(`${path}: holds a private key, public ones are needed`);
  }
  const publicKeys = keys.map((key) =>
    Object.fromEntries(Object.entries(key).filter(([member]) => !privateMembers.includes(member))),
  );
  return createLocalJWKSet({ keys: publicKeys.map((key) => jwkSchema.parse(key)) });
}

function notAKey<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unusableKeyFile(path, error);
  }
}

/** What a parser of JSON or PEM says would quote the file, and somebody may have put a private key there. A schema tells the member alone. */
function unusableKeyFile(path: string, error: unknown): Error {
  const why = error instanceof z.ZodError ? `: ${z.prettifyError(error).replaceAll(/\s+/g, " ")}` : "";
  return new Error(`${path}: neither a JSON Web Key Set nor a public key in PEM form${why}`);
}
