import { statSync } from "node:fs";
import { embeddedKeyIn } from "#adapters/identity-jose/embedded.ts";
import type { IssuerConfig } from "#adapters/identity-jose/issuers.ts";
import { lookAtKeys } from "#adapters/identity-jose/look.ts";
import { unshared } from "#services/adapter-settings.ts";
import type { Context } from "../context.ts";
import { failed, ok, warning } from "../examination.ts";
import { reasonOf } from "../reason.ts";
import { placeOf } from "../redact.ts";

/** `token-issuers`, and one line `token-keys` for each. */
export function checkIdentity(context: Context): void {
  const { examination, config, spoilt } = context;
  const blamed = spoilt.get("identity");
  if (blamed !== undefined) {
    for (const name of ["token-issuers", "token-keys"]) examination.skip(name, `not asked, because of ${blamed}`);
    return;
  }
  const { issuers } = config;
  examination.check({
    name: "token-issuers",
    advice: "",
    look: () => {
      const audience = `audience ${JSON.stringify(config.audience)}`;
      if (issuers.length === 0) return ok(`the embedded key alone signs, ${audience}`);
      const each = issuers.map(
        ({ issuer, tenants }) => `${issuer} for ${tenants === "*" ? "all" : tenants.join(", ")}`,
      );
      return ok(`${each.join("; ")}; ${audience}`);
    },
  });
  if (issuers.length === 0) checkEmbeddedKey(context);
  for (const issuer of issuers) checkIssuer(context, issuer);
}

function checkEmbeddedKey({ examination, config }: Context): void {
  examination.check({
    name: "token-keys",
    advice: "restore the file, or remove it: the next start makes a new key, and tokens of the old one are refused",
    look: async () => {
      // Its errors name the file and quote nothing of it.
      const found = await embeddedKeyIn(config.dataDir).catch((error: unknown) =>
        error instanceof Error ? error.message : "it cannot be read",
      );
      if (typeof found === "string") return failed(found, "restore the file, or remove it and sign all tokens again");
      const { file, isThere } = found;
      const isShared = unshared(config.adapters).length === 0;
      const alike = isShared ? "; every process needs this very file" : "";
      if (!isThere) return ok(`${file}: made by the first start${alike}`);
      const mode = statSync(file).mode & 0o077;
      if (process.platform !== "win32" && mode !== 0) {
        return warning(`${file}: others than its owner may read it, and sign whatever they want`, `chmod 600 ${file}`);
      }
      return ok(`${file}: an Ed25519 key that only its owner may read${alike}`);
    },
  });
}

function checkIssuer({ examination, config }: Context, issuer: IssuerConfig): void {
  const where = issuer.jwksUrl === undefined ? (issuer.keyFile ?? "") : placeOf(issuer.jwksUrl);
  const advice =
    issuer.jwksUrl === undefined
      ? "give it a JSON Web Key Set or a public key in PEM form, RSA of 2048 bits or more, for its algorithms"
      : "let this machine reach the address; until then tokens of this issuer are answered with 503 identity-unavailable";
  examination.check({
    name: "token-keys",
    advice,
    look: async () => {
      const timed = { ...issuer, jwksTimeoutMs: Math.min(issuer.jwksTimeoutMs, 30_000) };
      const looked = await lookAtKeys(timed).catch((error: unknown) => ({ reason: keyReason(error, issuer) }));
      if ("reason" in looked) return failed(`${issuer.issuer}, ${where}: ${looked.reason}`, advice);
      const { kinds, problems } = looked;
      if (problems.length > 0) return failed(`${issuer.issuer}, ${where}: ${problems.join("; ")}`, advice);
      const audience = issuer.audience ?? config.audience;
      return ok(
        `${issuer.issuer}, ${where}: ${kinds.join(", ")} for ${issuer.algorithms.join(", ")}, audience ${JSON.stringify(audience)}`,
      );
    },
  });
}

/** Errors about a key file are this project's own words: they name it and quote nothing. */
function keyReason(error: unknown, { keyFile }: IssuerConfig): string {
  if (keyFile === undefined || !(error instanceof Error)) return reasonOf(error);
  if (error.cause instanceof Error && "code" in error.cause) return reasonOf(error.cause);
  return error.message.startsWith(`${keyFile}: `) ? error.message.slice(keyFile.length + 2) : reasonOf(error);
}
