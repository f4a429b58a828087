import type { PolicyProblem } from "#core/ports/policy.ts";

/** Makes the problems of one file. */
export type Report = (line: number, code: string, message: string) => void;

/** Problems reported per folder; a file that is wrong throughout need not fill a log. */
const maxProblems = 100;

/** A function that adds problems of one file to a list. */
export function reporter(file: string, problems: PolicyProblem[]): Report {
  return (line, code, message) => {
    problems.push({ file, line, code, message });
  };
}

/** Problems by file and line, bounded; the last one says how many were left out. */
export function boundedProblems(problems: readonly PolicyProblem[]): readonly PolicyProblem[] {
  const sorted = problems.toSorted((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
  if (sorted.length <= maxProblems) return sorted;
  const left = sorted.length - maxProblems;
  return [
    ...sorted.slice(0, maxProblems),
    { file: ".", line: 0, code: "more-problems", message: `${left} further problems are not shown` },
  ];
}

/** A policy folder that cannot be used; carries every mistake with its place. */
export class PolicyFolderError extends Error {
  readonly problems: readonly PolicyProblem[];

  constructor(dir: string, problems: readonly PolicyProblem[]) {
    const lines = problems.map((problem) => formatProblem(problem, dir));
    super(
      lines.length === 1
        ? `the policy folder ${dir} cannot be used: ${lines[0]}`
        : [`the policy folder ${dir} has ${lines.length} problems:`, ...lines.map((line) => `  ${line}`)].join("\n"),
    );
    this.name = "PolicyFolderError";
    this.problems = problems;
  }
}

/** `file:line: code: message`, the form that editors turn into a link; a problem of the whole folder names its path instead. */
export function formatProblem({ file, line, code, message }: PolicyProblem, dir: string): string {
  return `${file === "." ? dir : `${file}:${line}`}: ${code}: ${message}`;
}
