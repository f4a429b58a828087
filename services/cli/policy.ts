import { resolve } from "node:path";
import { builtInModelName } from "#adapters/embedder-minilm/minilm.ts";
import { checkPolicyFolder, type LoadResult } from "#adapters/policy-casbin/load.ts";
import { formatProblem } from "#adapters/policy-casbin/problem.ts";
import { settingsIn } from "../config.ts";
import { exitCodeOf, parseOptions, printable, processTerminal, type Terminal, UsageError } from "./terminal.ts";

/** The model that the service uses unless it is told otherwise. */
const builtInModel = builtInModelName;

const usage = `usage: reticent policy check [FOLDER] [--model NAME]… [--json]

Reads a policy folder as the service would, prints file:line of every mistake, and runs the folder's own tests.
FOLDER is $RETICENT_POLICIES, or ./policies, unless it is given.
  --model   an embedding model that trust.yaml must have an entry for (default: the built-in one)
Exit code: 0 when the folder can be put in force, else 2.
`;

/**
 * `reticent policy check`: tells every mistake of a policy folder before it is put in force. Only reads files.
 * @returns 0 when the service would take the folder, 2 on any mistake, failing test or wrong usage
 */
export function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  return exitCodeOf("policy", () => check(args, terminal), terminal.stderr);
}

async function check(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      model: { type: "string", multiple: true, default: [builtInModel] },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    terminal.stdout.write(usage);
    return 0;
  }
  const [verb, folder, ...extra] = positionals;
  if (verb !== "check" || extra.length > 0)
    throw new UsageError("expected: policy check [FOLDER] [--model NAME]… [--json]");
  const dir = resolve(folder ?? settingsIn(terminal.env).RETICENT_POLICIES ?? "policies");
  const result = await checkPolicyFolder(dir, { requiredModels: values.model });
  if (values.json === true) {
    const { problems, counts, tests } = result;
    terminal.stdout.write(`${JSON.stringify({ ok: problems.length === 0, problems, counts, tests })}\n`);
  } else {
    for (const problem of result.problems) terminal.stdout.write(`${printable(formatProblem(problem, dir))}\n`);
    terminal.stdout.write(`${summary(result)}\n`);
  }
  return result.problems.length === 0 ? 0 : 2;
}

function summary({ problems, counts, tests }: LoadResult): string {
  const content =
    `${counts.rules} rules, ${counts.memberships} memberships, ${counts.labels} labels, ` +
    `${counts.sources} sources, ${counts.models} models`;
  if (problems.length === 0) {
    const none = "0 tests: nothing says what this policy must not allow";
    return `ok: ${content}; ${counts.tests === 0 ? none : `${tests.passed} of ${counts.tests} tests passed`}`;
  }
  const asked = tests.passed + tests.failed;
  const outcome = asked === 0 ? "tests not run" : `${tests.failed} of ${counts.tests} tests failed`;
  const found = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return `not usable: ${found}; ${content}; ${outcome}`;
}
