import {
  type CryptoKey,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  type KeyObject,
} from "jose";
import { AppError } from "#core/errors.ts";
import { limits } from "#core/limits.ts";
import type { Clock } from "#core/ports/clock.ts";
import type { TokenVerifier } from "#core/ports/identity.ts";
import { callerOf } from "./claims.ts";
import { type IssuerConfig, issuersSchema } from "./issuers.ts";
import { type KeyFinder, openKeys } from "./keys.ts";

/** What a verifier is made from. */
export interface TokenVerifierOptions {
  /** At least one; each `iss` once. */
  readonly issuers: readonly IssuerConfig[];
  /** The `aud` that tokens must carry, unless an issuer names its own. */
  readonly audience: string;
  readonly clock: Clock;
}

interface KnownIssuer {
  readonly config: IssuerConfig;
  readonly keys: KeyFinder;
}

/**
 * Opens the configured issuers and gives the verifier of bearer tokens. The issuer is chosen by the unverified `iss` and then decides
 * about keys, algorithms, audience and tenants, so that nothing that a token says about itself is believed.
 * @throws Error when an issuer is given twice, or a key file is unusable. Tokens are refused with the codes of {@link TokenVerifier},
 * and `identity-unavailable` when an issuer's keys cannot be fetched.
 */
export async function makeTokenVerifier({ issuers, audience, clock }: TokenVerifierOptions): Promise<TokenVerifier> {
  const known = new Map<string, KnownIssuer>();
  for (const config of issuersSchema.parse(issuers)) {
    known.set(config.issuer, { config, keys: await openKeys(config) });
  }
  if (known.size === 0) throw new Error("no issuer of tokens is configured");

  return {
    async verify(token) {
      if (Buffer.byteLength(token) > limits.tokenBytes) {
        const max = limits.tokenBytes;
        throw new AppError("token-too-large", {
          detail: `token: at most ${max} bytes`,
          limit: { name: "tokenBytes", max },
        });
      }
      const issuer = known.get(claimedIssuer(token));
      if (issuer === undefined) throw refused("unknown issuer");
      const payload = await checkedPayload(token, issuer, {
        algorithms: [...issuer.config.algorithms],
        issuer: issuer.config.issuer,
        audience: issuer.config.audience ?? audience,
        requiredClaims: ["exp"],
        clockTolerance: issuer.config.clockToleranceS,
        currentDate: new Date(clock()),
      });
      return callerOf(payload, issuer.config);
    },
  };
}

const refused = (detail: string, cause?: unknown) => new AppError("unauthenticated", { detail }, { cause });

function claimedIssuer(token: string): string {
  try {
    return decodeJwt(token).iss ?? "";
  } catch (cause) {
    throw refused("not a JSON Web Token", cause);
  }
}

async function checkedPayload(token: string, issuer: KnownIssuer, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return await payloadByAnyKey(token, issuer.keys, options);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    if (cause instanceof errors.JWTExpired) throw new AppError("token-expired", {}, { cause });
    if (cause instanceof errors.JWTClaimValidationFailed)
      throw refused(`the ${cause.claim} claim is not accepted`, cause);
    throw refused("the token is not accepted", cause);
  }
}

/** A token without a `kid` may fit several keys of its issuer: each is tried, as RFC 7515 (appendix D) leaves open. */
async function payloadByAnyKey(token: string, keys: KeyFinder, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (cause) {
    if (!(cause instanceof errors.JWKSMultipleMatchingKeys)) throw cause;
    for await (const key of cause) {
      const payload = await payloadUnlessOtherKey(token, key, options);
      if (payload !== undefined) return payload;
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

async function payloadUnlessOtherKey(
  token: string,
  key: CryptoKey | KeyObject,
  options: JWTVerifyOptions,
): Promise<JWTPayload | undefined> {
  try {
    return (await jwtVerify(token, key, options)).payload;
  } catch (cause) {
    if (cause instanceof errors.JWSSignatureVerificationFailed) return undefined;
    throw cause;
  }
}
