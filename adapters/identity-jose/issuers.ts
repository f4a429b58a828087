import { z } from "zod";
import { tenantPattern } from "#core/limits.ts";

/** The issuer name of tokens that are signed with the key in the data directory. */
export const embeddedIssuerName = "reticent-embedded";
/** The audience that tokens are made for unless the configuration names another. */
export const defaultAudience = "reticent";

/**
 * Signature algorithms that an issuer may be configured with. Asymmetric ones only: with a shared secret (HS…) whoever can check a
 * token can also make one, and `none` is no signature.
 */
export const signatureAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

const loopback = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Keys decide who may sign: they come over TLS, or from this very machine. */
const jwksUrlSchema = z.url().refine(
  (text) => {
    const url = URL.parse(text);
    // What is no URL at all is told above.
    if (url === null) return true;
    return url.protocol === "https:" || (url.protocol === "http:" && loopback.has(url.hostname));
  },
  { message: "must be https, or http on the loopback interface" },
);

const claimName = z.string().min(1).max(256);

/** One issuer of tokens: whom it may speak for, and how its tokens are checked. */
export const issuerConfigSchema = z
  .strictObject({
    /** The `iss` claim, compared byte by byte. */
    issuer: z.string().min(1).max(2_048),
    /** The `aud` that its tokens must carry; absent = the service's own audience. */
    audience: z.string().min(1).max(2_048).optional(),
    /** The tenants that it may sign for. `"*"`, every tenant, is for the embedded issuer only. */
    tenants: z.union([z.literal("*"), z.array(z.string().regex(tenantPattern)).nonempty()]),
    algorithms: z.array(z.enum(signatureAlgorithms)).nonempty(),
    /** Where its JWKS is served; fetched when needed and kept. */
    jwksUrl: jwksUrlSchema.optional(),
    /** A file with its public keys: a JWKS or one PEM public key. Read at start. */
    keyFile: z.string().min(1).optional(),
    claims: z
      .strictObject({
        user: claimName.default("sub"),
        tenant: claimName.default("tenant"),
        groups: claimName.default("groups"),
      })
      .prefault({}),
    /** `required`: a token without the complete list of groups is refused. `none`: its users have no groups, whatever a token says. */
    groups: z.enum(["required", "none"]).default("required"),
    /** By how much the issuer's clock may differ from ours, seconds. */
    clockToleranceS: z.number().min(0).max(60).default(5),
    /** How long a fetched JWKS is kept before an unknown key may make us fetch it again, ms. */
    jwksCooldownMs: z.int().min(0).max(3_600_000).default(30_000),
    /** How long fetching the JWKS may take, ms. */
    jwksTimeoutMs: z.int().min(100).max(30_000).default(3_000),
  })
  .superRefine((config, context) => {
    if ((config.jwksUrl === undefined) === (config.keyFile === undefined)) {
      context.addIssue({ code: "custom", message: "give exactly one of jwksUrl and keyFile" });
    }
    if (config.tenants === "*" && config.issuer !== embeddedIssuerName) {
      context.addIssue({
        code: "custom",
        path: ["tenants"],
        message: "name the tenants that this issuer may sign for",
      });
    }
  });

/** An issuer with its defaults filled in. */
export type IssuerConfig = z.infer<typeof issuerConfigSchema>;

/** All configured issuers; each `iss` once, because it decides which keys count. */
export const issuersSchema = z
  .array(issuerConfigSchema)
  .refine((issuers) => new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length, {
    message: "an issuer is given twice",
  });
