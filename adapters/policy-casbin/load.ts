import { type RuleTable, ruleTable } from "#core/access/rule-table.ts";
import { hashParts } from "#core/ingest/hash.ts";
import { limits } from "#core/limits.ts";
import type { PolicyProblem, PolicySnapshot } from "#core/ports/policy.ts";
import { checkReferences } from "./check-references.ts";
import { type FolderContent, policyFiles, readFolder } from "./folder.ts";
import { parseVocabulary } from "./labels-yaml.ts";
import { CalibrationFolder } from "./model-calibrations.ts";
import { checkModel } from "./model-conf.ts";
import { type Oracle, openOracle } from "./oracle.ts";
import { type ParsedPolicy, parsePolicy } from "./policy-csv.ts";
import { checkExpectations, runExpectations } from "./policy-tests.ts";
import { boundedProblems, reporter } from "./problem.ts";
import { checkRoleGraph } from "./role-graph.ts";
import { makeSnapshot } from "./snapshot.ts";
import { parseTests } from "./tests-yaml.ts";
import { decode, type TextFile } from "./text-file.ts";
import { parseTrust } from "./trust-yaml.ts";

/** What a folder holds, as far as it could be read. */
export interface PolicyCounts {
  readonly rules: number;
  /** `g` lines. */
  readonly memberships: number;
  readonly labels: number;
  readonly sources: number;
  readonly models: number;
  /** Expectations in tests/. */
  readonly tests: number;
}

/** A folder that was judged. `loaded` is there exactly when there are no problems. */
export interface LoadResult {
  readonly problems: readonly PolicyProblem[];
  readonly counts: PolicyCounts;
  /** Expectations of the policy's own tests; none was asked when the files themselves have problems. */
  readonly tests: { readonly passed: number; readonly failed: number };
  readonly loaded?: { readonly snapshot: PolicySnapshot; readonly table: RuleTable; readonly oracle: Oracle };
}

/** What a revision must fit beside itself. */
export interface LoadOptions {
  /** Names of the embedding models in use: without a floor in trust.yaml nothing may be answered. */
  readonly requiredModels?: readonly string[];
}

/** Judges a folder without putting it in force: every mistake with file and line, counts, and the result of its tests. */
export async function checkPolicyFolder(dir: string, options: LoadOptions = {}): Promise<LoadResult> {
  return loadPolicy(await readFolder(dir), options);
}

/**
 * Reads, checks and tests one revision: strict parsing, references, a new enforcer that must have understood the same rules,
 * then the policy's own tests through both the enforcer and the compiler.
 */
export async function loadPolicy(
  { files, problems: unread }: FolderContent,
  { requiredModels = [] }: LoadOptions = {},
): Promise<LoadResult> {
  const problems: PolicyProblem[] = [...unread];
  const texts = new Map<string, TextFile>();
  for (const [name, bytes] of files) {
    const text = decode(name, bytes, problems);
    if (text !== undefined) texts.set(name, text);
  }
  const [model, csv, labelsText, trustText] = policyFiles.map((name) => texts.get(name));

  if (model !== undefined) checkModel(model, problems);
  const policy: ParsedPolicy = csv === undefined ? { rules: [], edges: [] } : parsePolicy(csv, problems);
  if (csv !== undefined) checkRoleGraph(csv.file, policy.edges, problems);
  const vocabulary = labelsText === undefined ? undefined : parseVocabulary(labelsText, problems);
  const calibrations = new CalibrationFolder(texts, problems);
  const trust = trustText === undefined ? undefined : parseTrust(trustText, calibrations, problems, requiredModels);
  const testTexts = [...texts.values()].filter(({ file }) => file.startsWith("tests/"));
  const expectations = testTexts.flatMap((text) => parseTests(text, problems));
  if (expectations.length > limits.policyTests) {
    reporter("tests", problems)(0, "too-many-tests", `policyTests: at most ${limits.policyTests} expectations`);
  }
  if (csv !== undefined && vocabulary !== undefined && trust !== undefined) {
    checkReferences(csv.file, policy, vocabulary, trust, problems);
  }
  const counts: PolicyCounts = {
    rules: policy.rules.length,
    memberships: policy.edges.length,
    labels: vocabulary?.labels.size ?? 0,
    sources: trust?.sources.size ?? 0,
    models: trust?.models.size ?? 0,
    tests: expectations.length,
  };
  const refused = (passed: number, failed: number): LoadResult => ({
    problems: boundedProblems(problems),
    counts,
    tests: { passed, failed },
  });
  if (problems.length > 0 || !model || !csv || !labelsText || !vocabulary || !trustText || !trust) {
    return refused(0, 0);
  }
  const { labels } = vocabulary;

  const table = ruleTable(policy.rules, policy.edges, labels.keys());
  checkExpectations(expectations, table, labels, trust, problems);
  const oracle = await build(model, csv, policy, problems);
  if (oracle === undefined || problems.length > 0) return refused(0, 0);
  await runExpectations(expectations, table, oracle, problems);
  if (problems.length > 0) return refused(expectations.length - problems.length, problems.length);

  const snapshot = makeSnapshot({
    revision: revisionOf([model, csv, labelsText]),
    // A calibration that nobody names is not in force, and moves nothing.
    trustRevision: revisionOf([trustText, ...calibrations.inForce]),
    labels,
    trust,
    table,
  });
  return {
    problems: [],
    counts,
    tests: { passed: expectations.length, failed: 0 },
    loaded: { snapshot, table, oracle },
  };
}

/** 64 bits of a hash over the texts: enough to name a revision. */
const revisionOf = (texts: readonly TextFile[]): string => hashParts(texts.map(({ text }) => text)).slice(0, 16);

async function build(
  model: TextFile,
  csv: TextFile,
  policy: ParsedPolicy,
  problems: PolicyProblem[],
): Promise<Oracle | undefined> {
  const report = reporter(csv.file, problems);
  try {
    const oracle = await openOracle(model.text, csv.text);
    const understood = await oracle.lines();
    const ours = {
      p: policy.rules.map((rule) => [rule.subject, rule.tenant, rule.object, rule.action, rule.effect]),
      g: policy.edges.map((edge) => [edge.member, edge.parent, edge.tenant]),
    };
    if (JSON.stringify(understood) !== JSON.stringify(ours)) {
      report(0, "loader-disagrees", "Casbin understood other rules than this project's own parser");
    }
    return oracle;
  } catch (error) {
    report(0, "not-loadable", `Casbin refuses the policy: ${error instanceof Error ? error.message : "unknown error"}`);
    return undefined;
  }
}
