import { z } from "zod";
import { capturedTerminal } from "#test/kit/terminal.ts";
import { run } from "../doctor.ts";

const documentSchema = z.strictObject({
  ok: z.boolean(),
  checked_at: z.iso.datetime(),
  counts: z.strictObject({ ok: z.int(), warning: z.int(), failed: z.int(), skipped: z.int() }),
  checks: z.array(
    z.strictObject({
      name: z.string().regex(/^[a-z]+(-[a-z]+)*$/),
      status: z.enum(["ok", "warning", "failed", "skipped"]),
      finding: z.string().min(1),
      advice: z.string().min(1).optional(),
      took_ms: z.number().nonnegative(),
    }),
  ),
});

/** A line of the JSON report. */
export type ReportedLine = z.infer<typeof documentSchema>["checks"][number];

/** What a run of the doctor said. */
export interface Report {
  readonly code: number;
  readonly lines: readonly ReportedLine[];
  /** Everything that was written. */
  readonly text: string;
  /** Names of the lines with a status, each once. */
  named(status: ReportedLine["status"]): readonly string[];
  /** The only line of a name. */
  line(name: string): ReportedLine;
}

/** Runs `reticent doctor --json` in an environment, and reads its report strictly. */
export async function look(env: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<Report> {
  const terminal = capturedTerminal(env);
  const code = await run(["--json", ...args], terminal);
  if (terminal.err() !== "") throw new Error(terminal.err());
  const { checks, counts, ok } = documentSchema.parse(JSON.parse(terminal.out()));
  const named = (status: ReportedLine["status"]) => [
    ...new Set(checks.flatMap((line) => (line.status === status ? [line.name] : []))),
  ];
  const isConsistent =
    ok === (counts.failed === 0) &&
    checks.length === counts.ok + counts.warning + counts.failed + counts.skipped &&
    checks.every(({ status, advice }) => (status === "warning" || status === "failed") === (advice !== undefined));
  if (!isConsistent) throw new Error("the report contradicts itself");
  return {
    code,
    lines: checks,
    text: terminal.out(),
    named,
    line(name) {
      const [found, ...others] = checks.filter((line) => line.name === name);
      if (found === undefined || others.length > 0) throw new Error(`${name} has ${others.length + 1} lines or none`);
      return found;
    },
  };
}
