import { setImmediate } from "node:timers/promises";
import { compileVisibility, mayDo } from "#core/access/compile.ts";
import type { RuleTable } from "#core/access/rule-table.ts";
import { AppError } from "#core/errors.ts";
import type { PolicyProblem } from "#core/ports/policy.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";
import type { Oracle } from "./oracle.ts";
import { reporter } from "./problem.ts";
import type { Expectation, Question } from "./tests-yaml.ts";

/**
 * Finds expectations about names that do not exist: "may not" would hold for the wrong reason.
 */
export function checkExpectations(
  expectations: readonly Expectation[],
  table: RuleTable,
  labels: ReadonlySet<string>,
  trust: TrustPolicy,
  problems: PolicyProblem[],
): void {
  for (const { file, line, caller, question } of expectations) {
    const report = reporter(file, problems);
    if (!table.byTenant.has(caller.tenant)) report(line, "unknown-tenant", `no rule speaks of ${caller.tenant}`);
    for (const source of sourcesOf(question)) {
      if (!trust.sources.has(source)) report(line, "undeclared-source", `${source} is not a source of trust.yaml`);
    }
    if (question.kind !== "read") continue;
    for (const label of question.target.labels) {
      if (!labels.has(label)) report(line, "undeclared-label", `${label} is not a label of labels.yaml`);
    }
  }
}

function sourcesOf(question: Question): readonly string[] {
  if (question.kind === "read") return [question.target.source];
  return question.kind === "may" && question.object !== "tenant" ? [question.object.slice("source:".length)] : [];
}

/**
 * Asks every expectation twice: of Casbin's `enforce()` and of the compiler. Both must give the expected answer. Gives way to
 * other work between two questions, because a policy is also loaded while requests are served.
 */
export async function runExpectations(
  expectations: readonly Expectation[],
  table: RuleTable,
  oracle: Oracle,
  problems: PolicyProblem[],
): Promise<void> {
  for (const expectation of expectations) {
    const { file, line, test, expected } = expectation;
    const enforced = await askOracle(expectation, oracle);
    const compiled = askCompiler(expectation, table);
    if (enforced !== compiled) {
      const message = `${test}: enforce() says ${enforced}, the compiler ${compiled}`;
      problems.push({ file, line, code: "oracle-disagrees", message });
    } else if (compiled !== expected) {
      const message = `${test}: expected ${sayAnswer(expected)}, the policy says ${sayAnswer(compiled)}`;
      problems.push({ file, line, code: "test-failed", message });
    }
    await setImmediate();
  }
}

const sayAnswer = (answer: boolean): string => (answer ? "yes" : "no");

async function askOracle({ caller, question }: Expectation, oracle: Oracle): Promise<boolean> {
  switch (question.kind) {
    case "read":
      return oracle.mayRead(caller, { tenant: caller.tenant, ...question.target });
    case "may":
      return oracle.may(caller, question.action, question.object);
    case "act":
      return oracle.mayAct(caller);
  }
}

function askCompiler({ caller, question }: Expectation, table: RuleTable): boolean {
  if (question.kind === "may") return mayDo(table, caller, question.action, question.object);
  try {
    const filter = compileVisibility(table, caller);
    if (question.kind === "act") return true;
    const { source, labels } = question.target;
    return (
      filter.kind === "some" &&
      filter.sources.includes(source) &&
      !labels.some((label) => filter.deniedLabels.includes(label))
    );
  } catch (error) {
    if (error instanceof AppError && error.code === "agent-not-allowed") return false;
    throw error;
  }
}
