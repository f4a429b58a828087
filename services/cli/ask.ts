import { limits, sourcePattern } from "#core/limits.ts";
import { retrieveResponseSchema } from "#core/retrieval/response.ts";
import { connection, httpClient } from "./http-client.ts";
import { formatAnswer } from "./print-answer.ts";
import {
  exitCodeOf,
  integerOption,
  parseOptions,
  processTerminal,
  type Terminal,
  UsageError,
  wantsColor,
} from "./terminal.ts";

const help = `usage: reticent ask "<question>" [--top-k N] [--source S]… [--timeout-ms N] [--json]

Asks the running service and prints the passages, or why it says nothing. An abstention is an answer: exit code 0.

  --top-k N       at most N passages (1 to ${limits.topK}; the service's default when absent)
  --source S      only this source; may be repeated
  --timeout-ms N  at most N ms for the answer (${limits.leastTimeoutMs} to the service's deadline), and no second try when the service is away
  --json          print the service's answer as it is
  --url U         address of the service (RETICENT_URL, else http://127.0.0.1:8080)
  --token T       who is asking (RETICENT_TOKEN)
`;

/**
 * `reticent ask`.
 * @returns 0 when the service answered or abstained, 1 when it refused or could not be reached, 2 for a wrong command line.
 */
export async function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  return exitCodeOf("ask", () => ask(args, terminal), terminal.stderr);
}

async function ask(args: readonly string[], { stdout, env }: Terminal): Promise<number> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      "top-k": { type: "string" },
      source: { type: "string", multiple: true },
      "timeout-ms": { type: "string" },
      json: { type: "boolean", default: false },
      url: { type: "string" },
      token: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    stdout.write(help);
    return 0;
  }
  const [query, ...more] = positionals;
  if (query === undefined || query.trim() === "") throw new UsageError('a question is needed: reticent ask "…"');
  if (more.length > 0) throw new UsageError(`one question at a time: put it in quotes ("${query} ${more.join(" ")}")`);
  const topK = integerOption("top-k", values["top-k"], { min: 1, max: limits.topK });
  const timeoutMs = integerOption("timeout-ms", values["timeout-ms"], { min: limits.leastTimeoutMs, max: 60_000 });
  const sources = values.source ?? [];
  for (const source of sources) {
    if (!sourcePattern.test(source)) throw new UsageError(`--source: "${source}" is not the name of a source`);
  }
  const client = httpClient({ ...connection(values, env), ...(timeoutMs === undefined ? {} : { retries: 0 }) });
  const response = await client.request({
    method: "POST",
    path: "/v1/retrieve",
    servedBy: "query",
    body: {
      query,
      ...(topK === undefined ? {} : { top_k: topK }),
      ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }),
      ...(sources.length === 0 ? {} : { filter: { source: sources } }),
    },
    schema: retrieveResponseSchema,
  });
  stdout.write(
    values.json
      ? `${JSON.stringify(response, null, 2)}\n`
      : formatAnswer(response, {
          color: wantsColor(stdout, env),
          width: Math.min(Math.max(stdout.columns ?? 100, 40), 120),
        }),
  );
  return 0;
}
