import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { type RetrieveResponse, retrieveResponseSchema } from "#core/retrieval/response.ts";
import { startService } from "#services/compose.ts";
import { parseConfig, type ServiceConfig } from "#services/config.ts";
import { httpClient } from "../http-client.ts";
import { formatAnswer, reasonMeaning } from "../print-answer.ts";
import { run as sync } from "../sync/sync.ts";
import { exitCodeOf, parseOptions, processTerminal, styleOf, type Terminal, wantsColor } from "../terminal.ts";
import { unexpected } from "./check.ts";
import { type DemoCaller, type DemoQuestion, readQuestions } from "./questions.ts";

const help = `usage: reticent demo [--json]

Indexes the shipped examples into RETICENT_DATA (./data), asks the same questions as three callers, and prints who got what and why.
Exit code 1 when an answer is not the one that examples/questions.yaml promises.
`;

const examples = fileURLToPath(new URL("../../../examples/", import.meta.url));
/** The three columns of the demo. */
const columns = ["erin", "carol", "assistant"] as const;

interface Asked {
  readonly question: DemoQuestion;
  readonly name: string;
  readonly caller: DemoCaller;
  readonly response: RetrieveResponse;
  /** What examples/questions.yaml promised instead; absent when it was kept. */
  readonly wrong: string | undefined;
}

/** `reticent demo`. */
export async function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  return exitCodeOf("demo", () => demo(args, terminal), terminal.stderr);
}

async function demo(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseOptions({
    args: [...args],
    options: { json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
  });
  const { stdout, stderr, env } = terminal;
  if (values.help) {
    stdout.write(help);
    return 0;
  }
  const settings = parseConfig(env);
  // Any free port: the demo must not get in the way of a service that runs on the usual one.
  const config: ServiceConfig = { ...settings, port: 0, logLevel: "error", rateLimitPerMinute: 100_000 };
  const { callers, questions } = readQuestions(join(examples, "questions.yaml"));
  const startedAt = performance.now();
  const service = await startService(config);
  try {
    const documents = await indexExamples(service.url, config, terminal);
    const indexedMs = performance.now() - startedAt;
    const asked: Asked[] = [];
    for (const question of questions) {
      for (const name of [...columns, "noor"]) {
        const caller = callers[name];
        const expected = question.expect[name];
        if (caller === undefined || expected === undefined) continue;
        const response = await ask(service.url, config, caller, question.ask);
        asked.push({ question, name, caller, response, wrong: unexpected(question, expected, response) });
      }
    }
    const hidden = await hiddenAndMissing(service.url, config, callers);
    const wrong = asked.filter((item) => item.wrong !== undefined).length + (hidden.same ? 0 : 1);
    const curl = await curlCommand(settings, callers, questions[0]);
    if (values.json) {
      stdout.write(
        `${JSON.stringify({ documents, indexed_ms: Math.round(indexedMs), asked: asked.map(plain), hidden, wrong, curl }, null, 2)}\n`,
      );
    } else {
      print({ asked, documents, indexedMs, hidden, wrong, curl, terminal });
    }
    if (wrong > 0) stderr.write(`reticent demo: ${wrong} answers are not the promised ones\n`);
    return wrong > 0 ? 1 : 0;
  } finally {
    await service.close();
  }
}

/** Sends examples/<tenant>/<source> through the indexer, as people do: with `reticent sync`. Returns the number of documents. */
async function indexExamples(url: string, config: ServiceConfig, terminal: Terminal): Promise<number> {
  let documents = 0;
  for (const tenant of folders(examples)) {
    const token = await signToken({
      ...tokenBase(config),
      tenant,
      user: "sam",
      groups: ["employees", "knowledge"],
      agents: [],
    });
    for (const source of folders(join(examples, tenant))) {
      let report = "";
      const quiet: Terminal = {
        stdout: { write: (text) => (report += text) },
        stderr: terminal.stderr,
        env: terminal.env,
      };
      const args = [join(examples, tenant, source), "--source", source, "--url", url, "--token", token, "--json"];
      const code = await sync(args, quiet);
      if (code !== 0) throw new Error(`examples/${tenant}/${source} could not be indexed: ${report}`);
      const { files } = JSON.parse(report) as { files: readonly unknown[] };
      documents += files.length;
    }
  }
  return documents;
}

function folders(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
}

const tokenBase = (config: ServiceConfig) => ({ dataDir: config.dataDir, audience: config.audience, ttlS: 12 * 3600 });

function tokenOf(config: ServiceConfig, caller: DemoCaller): Promise<string> {
  const agents = caller.agent === undefined ? [] : [caller.agent];
  return signToken({ ...tokenBase(config), tenant: caller.tenant, user: caller.user, groups: caller.groups, agents });
}

async function ask(url: string, config: ServiceConfig, caller: DemoCaller, query: string): Promise<RetrieveResponse> {
  const client = httpClient({ baseUrl: url, token: await tokenOf(config, caller) });
  return client.request({
    method: "POST",
    path: "/v1/retrieve",
    body: { query, top_k: 3 },
    schema: retrieveResponseSchema,
  });
}

/** The status of a hidden document and of a missing one, as the employee sees them. */
async function hiddenAndMissing(url: string, config: ServiceConfig, callers: Readonly<Record<string, DemoCaller>>) {
  const { erin, mia } = callers;
  if (erin === undefined || mia === undefined) throw new Error("examples/questions.yaml: no caller erin, or no mia");
  const look = async (caller: DemoCaller, id: string) => {
    const response = await fetch(`${url}/v1/documents/finance/${encodeURIComponent(id)}`, {
      headers: { authorization: `Bearer ${await tokenOf(config, caller)}` },
    });
    const { request_id: _random, ...body } = (await response.json()) as Record<string, unknown>;
    return { id, status: response.status, answer: JSON.stringify(body) };
  };
  const hidden = await look(erin, "people/salary-bands-2026.md");
  const missing = await look(erin, "people/salary-bands-2031.md");
  // Somebody must be able to read it, or two missing documents were compared.
  const exists = (await look(mia, hidden.id)).status === 200;
  return { hidden, missing, same: exists && hidden.answer === missing.answer };
}

/** The command that the reader can run next, once `npm start` serves the same data. */
async function curlCommand(
  config: ServiceConfig,
  callers: Readonly<Record<string, DemoCaller>>,
  question: DemoQuestion | undefined,
): Promise<string> {
  const erin = callers.erin;
  if (erin === undefined || question === undefined) throw new Error("examples/questions.yaml: nothing to ask");
  const host = config.host === "0.0.0.0" || config.host === "::" ? "127.0.0.1" : config.host;
  return [
    `curl -s http://${host}:${config.port}/v1/retrieve \\`,
    `  -H 'authorization: Bearer ${await tokenOf(config, erin)}' \\`,
    `  -H 'content-type: application/json' \\`,
    `  -d '${JSON.stringify({ query: question.ask }).replaceAll("'", "'\\''")}'`,
  ].join("\n");
}

const plain = ({ question, name, response, wrong }: Asked) => ({
  question: question.id,
  ask: question.ask,
  caller: name,
  outcome: response.outcome,
  reason: response.outcome === "abstained" ? response.reason : null,
  confidence: response.confidence,
  documents: [...new Set(response.passages.map((passage) => `${passage.source}/${passage.document_id}`))],
  wrong: wrong ?? null,
});

interface Report {
  readonly asked: readonly Asked[];
  readonly documents: number;
  readonly indexedMs: number;
  readonly hidden: Awaited<ReturnType<typeof hiddenAndMissing>>;
  readonly wrong: number;
  readonly curl: string;
  readonly terminal: Terminal;
}

function print({ asked, documents, indexedMs, hidden, wrong, curl, terminal: { stdout, env } }: Report): void {
  const color = wantsColor(stdout, env);
  const style = styleOf(color);
  const line = (text = "") => stdout.write(`${text}\n`);
  line(style.bold("Reticent: who is asking, and when to say nothing"));
  line(`${documents} example documents of two companies indexed in ${(indexedMs / 1000).toFixed(1)} s.`);
  const example = asked[0];
  if (example !== undefined) {
    line();
    line(`${style.bold(example.caller.about)} asks: ${example.question.ask}`);
    stdout.write(formatAnswer(example.response, { color, indent: "  ", maxPassages: 1 }));
  }
  line();
  line(style.bold("The same questions, as three callers:"));
  let last: DemoQuestion | undefined;
  for (const { question, caller, name, response, wrong: mistake } of asked) {
    if (question !== last) {
      line();
      line(style.bold(question.ask));
      line(style.dim(`  ${question.why}`));
      last = question;
    }
    const who = `${name} (${caller.about})`.padEnd(42);
    const what =
      response.outcome === "answered"
        ? `${style.green("answered ")} ${response.passages[0]?.source}/${response.passages[0]?.document_id}`
        : `${style.yellow("abstained")} ${response.reason}: ${reasonMeaning(response)}`;
    line(`  ${who} ${what}${mistake === undefined ? "" : style.red(`  ← ${mistake}`)}`);
  }
  line();
  line(style.bold("A hidden document and a missing one look the same. Erin asks for the status of both:"));
  line(`  finance/${hidden.hidden.id}   ${hidden.hidden.answer}`);
  line(`  finance/${hidden.missing.id}   ${hidden.missing.answer}`);
  line();
  line(
    wrong === 0
      ? style.green("Every answer is the promised one.")
      : style.red(`${wrong} answers are not the promised ones.`),
  );
  line();
  line(
    `Now ask yourself: start the service on the same data with ${style.bold("npm start")}, then, in another terminal:`,
  );
  line();
  line(curl);
}
