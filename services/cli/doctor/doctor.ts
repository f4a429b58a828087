import { unshared } from "#services/adapter-settings.ts";
import { type Role, roles } from "#services/process/roles.ts";
import {
  exitCodeOf,
  integerOption,
  parseOptions,
  printable,
  processTerminal,
  styleOf,
  type Terminal,
  UsageError,
  wantsColor,
} from "../terminal.ts";
import { checkDataDirectory, checkDocuments, checkLedgerFile } from "./checks/embedded.ts";
import { checkEncoders, checkModelStore, checkModelTrust } from "./checks/encoder.ts";
import { checkIdentity } from "./checks/identity.ts";
import { checkPolicy, checkPolicyRevision } from "./checks/policy.ts";
import { checkIndex } from "./checks/qdrant.ts";
import { checkQueue } from "./checks/queue.ts";
import { checkRedisLedger } from "./checks/redis.ts";
import { checkServices } from "./checks/service.ts";
import { checkSettings } from "./checks/settings.ts";
import { checkTraces } from "./checks/traces.ts";
import type { Context, LedgerFacts } from "./context.ts";
import { Examination, type Handle, type Line, type Status } from "./examination.ts";
import { redactor, secretsIn } from "./redact.ts";
import { type ReadSettings, readSettings } from "./settings.ts";

const usage = `usage: reticent doctor [--json] [--url URL]… [--role ROLE] [--timeout-ms N]

Looks at every setting and everything that a service with this environment depends on, and prints one line for each. Changes nothing,
prints no secret, and works whether or not the service runs.
  --url         base URL of a running process, whose /healthz and /readyz are asked too (default: RETICENT_URL, when it is set)
  --role        what the process is to do: ${roles.join(", ")} (default: all)
  --timeout-ms  longest time of one check, 100 to 60000 (default: 5000)
  --json        one JSON document
Exit code: 0 when nothing failed (warnings are no failure), 1 when something did, 2 for a bad setting or wrong usage.
`;

/** `reticent doctor`: one line for every dependency and setting. Reads only. */
export function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  return exitCodeOf("doctor", () => doctor(args, terminal), terminal.stderr).finally(() => {
    if (terminal === processTerminal) endSoon();
  });
}

async function doctor(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseOptions({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      url: { type: "string", multiple: true },
      role: { type: "string", default: "all" },
      "timeout-ms": { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    terminal.stdout.write(usage);
    return 0;
  }
  const limitMs = integerOption("timeout-ms", values["timeout-ms"], { min: 100, max: 60_000 }) ?? 5_000;
  const role = roles.find((one) => one === values.role);
  if (role === undefined) throw new UsageError(`--role: one of ${roles.join(", ")}`);
  const urls = values.url ?? (terminal.env.RETICENT_URL ? [terminal.env.RETICENT_URL] : []);
  for (const url of urls) {
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
      throw new UsageError("--url or RETICENT_URL: not an http(s) address");
  }
  const settings = readSettings(terminal.env);
  const lines = redacted(await examine(settings, { role, urls, limitMs }), terminal.env, settings);
  const counts = countsOf(lines);
  const hasFailed = counts.failed > 0;
  if (values.json) terminal.stdout.write(`${JSON.stringify(documentOf(lines, counts), null, 2)}\n`);
  else print(lines, counts, terminal);
  if (settings.problems.length > 0) return 2;
  return hasFailed ? 1 : 0;
}

async function examine(
  settings: ReadSettings,
  { role, urls, limitMs }: { readonly role: Role; readonly urls: readonly string[]; readonly limitMs: number },
): Promise<readonly Line[]> {
  const { config, spoilt } = settings;
  const examination = new Examination(limitMs);
  const closers: (() => unknown)[] = [];
  const atEnd = (close: () => unknown): void => void closers.push(close);
  const context: Context = { examination, config, spoilt, limitMs, clock: Date.now, atEnd };
  try {
    begin(context, settings, { role, urls });
    return await examination.lines();
  } finally {
    // What hangs is not waited for.
    for (const close of closers.toReversed())
      void Promise.resolve()
        .then(close)
        .catch(() => {});
  }
}

/** Begins every check. A group that cannot even be begun is a failed line, and the others are made. */
function begin(
  context: Context,
  settings: ReadSettings,
  { role, urls }: { readonly role: Role; readonly urls: readonly string[] },
): void {
  const { config, examination, spoilt } = context;
  const group = <T>(name: string, make: () => T, otherwise: T): T => {
    try {
      return make();
    } catch (error) {
      examination.check({
        name,
        advice: "",
        look: () => {
          throw error;
        },
      });
      return otherwise;
    }
  };
  const nothing = (name: string): Handle<never> => ({ name, outcome: Promise.resolve({}) });
  group("settings", () => checkSettings(context, settings, role), undefined);
  const policy = group("policy-folder", () => checkPolicy(context), nothing("policy-folder"));
  group("identity", () => checkIdentity(context), undefined);
  const encoders = group("encoder", () => checkEncoders(context), { models: nothing("encoder"), inUse: [] });
  group("encoder-floor", () => checkModelTrust(context, encoders, policy), undefined);
  const isEmbedded = unshared(config.adapters).some((one) => /LEDGER|TRACES/.test(one));
  const directory =
    isEmbedded && !spoilt.has("ledger")
      ? group("data-directory", () => checkDataDirectory(context), nothing("data-directory"))
      : undefined;
  const ledger = group("ledger", () => checkLedger(context, directory, encoders.models), nothing("ledger"));
  group("policy-revision", () => checkPolicyRevision(context, policy, ledger), undefined);
  group("active-fingerprint", () => checkModelStore(context, encoders, ledger), undefined);
  group("documents", () => checkDocuments(context, ledger, encoders.models), undefined);
  group("queue-server", () => checkQueue(context), undefined);
  group("traces-server", () => checkTraces(context, directory), undefined);
  group("index-server", () => checkIndex(context, encoders.models, ledger), undefined);
  group("service-health", () => checkServices(context, urls), undefined);
}

function checkLedger(
  context: Context,
  directory: Handle<string> | undefined,
  models: Parameters<typeof checkLedgerFile>[2],
): Handle<LedgerFacts> {
  const { config, examination, spoilt } = context;
  const blamed = spoilt.get("ledger");
  if (blamed !== undefined) {
    examination.skip("ledger", `not asked, because of ${blamed}`);
    return { name: blamed, outcome: Promise.resolve({}) };
  }
  if (config.adapters.ledger === "redis" && config.redis !== undefined) return checkRedisLedger(context, config.redis);
  return checkLedgerFile(context, directory ?? checkDataDirectory(context), models);
}

/** Findings are made without secrets; whatever a server or a library puts into one of them all the same is taken out here. */
function redacted(lines: readonly Line[], env: Terminal["env"], { config }: ReadSettings): readonly Line[] {
  const { openai } = config;
  const keys = [openai?.endpoint.apiKey, openai?.second?.apiKey].flatMap((key) => key?.reveal() ?? []);
  const redact = redactor([...secretsIn(env), ...keys].toSorted((a, b) => b.length - a.length));
  const clean = (text: string): string => printable(redact(text));
  return lines.map(({ finding, advice, ...line }) => ({
    ...line,
    finding: clean(finding),
    ...(advice === undefined ? {} : { advice: clean(advice) }),
  }));
}

function countsOf(lines: readonly Line[]): Readonly<Record<Status, number>> {
  const of = (status: Status): number => lines.filter((line) => line.status === status).length;
  return { ok: of("ok"), warning: of("warning"), failed: of("failed"), skipped: of("skipped") };
}

function documentOf(lines: readonly Line[], counts: Readonly<Record<Status, number>>): object {
  return {
    ok: counts.failed === 0,
    checked_at: new Date().toISOString(),
    counts,
    checks: lines.map(({ name, status, finding, advice, tookMs }) => ({
      name,
      status,
      finding,
      ...(advice === undefined ? {} : { advice }),
      took_ms: tookMs,
    })),
  };
}

function print(lines: readonly Line[], counts: Readonly<Record<Status, number>>, { stdout, env }: Terminal): void {
  const style = styleOf(wantsColor(stdout, env));
  const paint: Readonly<Record<Status, (text: string) => string>> = {
    ok: style.green,
    warning: style.yellow,
    failed: style.red,
    skipped: style.dim,
  };
  const width = Math.max(...lines.map(({ name }) => name.length));
  for (const { name, status, finding, advice } of lines) {
    stdout.write(`${paint[status](status.padEnd(7))}  ${name.padEnd(width)}  ${finding}\n`);
    if (advice !== undefined) stdout.write(`${" ".repeat(9 + width)}  → ${advice}\n`);
  }
  const told = (["failed", "warning", "skipped", "ok"] as const).map((status) => `${counts[status]} ${status}`);
  stdout.write(`${counts.failed > 0 ? "something failed" : "nothing failed"}: ${told.join(", ")}\n`);
}

/** Whatever still hangs (a name that is being looked up, say) does not keep the process: the report is written. */
function endSoon(): void {
  setTimeout(() => process.exit(), 1_000).unref();
}
