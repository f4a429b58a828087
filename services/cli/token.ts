import { resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { maxTtlS, SigningKeyMissing, signToken } from "#adapters/identity-jose/embedded.ts";
import { defaultAudience } from "#adapters/identity-jose/issuers.ts";
import { settingsIn } from "#services/config.ts";

const usage = `usage: reticent token --tenant T --user U [--group G]… [--agent A]… [--ttl 1h] [--json]

Signs a token with the key in the data directory (RETICENT_DATA, ./data). The service makes that key at its first start.
  --agent   an agent that acts for the user, the current one first; up to four
  --ttl     how long it holds: a number and s, m, h or d; at most ${maxTtlS / 86_400}d (default 1h)
  --json    prints the token with what it says, as JSON
`;

/** Where a command reads settings and writes; replaced in tests. */
export interface TokenIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const standardIo: TokenIo = {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

/**
 * `reticent token`: prints a token of the embedded issuer.
 * @returns the exit code: 0, 2 for a mistake in the arguments, 1 when there is no usable key (one line on standard error)
 */
export async function run(args: readonly string[], io: TokenIo = standardIo): Promise<number> {
  try {
    const options = optionsOf(args);
    if (options === undefined) {
      io.out(usage);
      return 0;
    }
    const { ttlS, tenant, user, groups, agents } = options;
    const env = settingsIn(io.env);
    const now = Date.now();
    const token = await signToken({
      dataDir: resolve(env.RETICENT_DATA ?? "./data"),
      audience: env.RETICENT_AUDIENCE ?? defaultAudience,
      tenant,
      user,
      groups,
      agents,
      ttlS,
      clock: () => now,
    });
    const expires_at = new Date((Math.floor(now / 1000) + ttlS) * 1000).toISOString();
    io.out(options.json ? `${JSON.stringify({ token, expires_at, tenant, user, groups, agents })}\n` : `${token}\n`);
    return 0;
  } catch (error) {
    if (error instanceof SigningKeyMissing) {
      io.err(`reticent token: ${error.message}\n`);
      return 1;
    }
    if (!(error instanceof RangeError || isArgsError(error))) throw error;
    io.err(`reticent token: ${error.message.split("\n", 1)[0]} (--help tells more)\n`);
    return 2;
  }
}

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      tenant: { type: "string" },
      user: { type: "string" },
      group: { type: "string", multiple: true, default: [] },
      agent: { type: "string", multiple: true, default: [] },
      ttl: { type: "string", default: "1h" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  if (values.tenant === undefined || values.user === undefined) throw new RangeError("--tenant and --user are needed");
  return {
    tenant: values.tenant,
    user: values.user,
    groups: values.group,
    agents: values.agent,
    ttlS: secondsOf(values.ttl),
    json: values.json,
  };
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function secondsOf(ttl: string): number {
  const match = /^([1-9][0-9]{0,8})([smhd])$/.exec(ttl);
  const unit = unitSeconds[match?.[2] ?? ""];
  if (match === null || unit === undefined)
    throw new RangeError(`--ttl: ${JSON.stringify(ttl)} is not like 30m or 12h`);
  return Number(match[1]) * unit;
}

const isArgsError = (error: unknown): error is Error =>
  error instanceof Error &&
  "code" in error &&
  typeof error.code === "string" &&
  error.code.startsWith("ERR_PARSE_ARGS");
