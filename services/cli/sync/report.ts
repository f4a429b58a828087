import { ServiceError } from "../http-client.ts";
import { printable, type Style } from "../terminal.ts";
import { type Action, actions, type PlanItem } from "./plan.ts";

/** How many items have each action. Every action is there, also with 0. */
export type Counts = Readonly<Record<Action, number>>;

/** Counts the items of a plan, or of its outcome. */
export function countsOf(items: readonly PlanItem[]): Counts {
  const counts = Object.fromEntries(actions.map((action) => [action, 0])) as Record<Action, number>;
  for (const { action } of items) counts[action] += 1;
  return counts;
}

/** How many documents have no date. */
const undatedOf = (items: readonly PlanItem[]): number => items.filter(({ undated }) => undated === true).length;

/** One line when documents have no date: such a document is never an answer where an age limit applies, and nobody would know why. */
export function undatedLines(items: readonly PlanItem[]): string[] {
  const count = undatedOf(items);
  if (count === 0) return [];
  return [`${count} without a date (quality.updated_at): stale wherever trust.yaml sets max_age_days for the source`];
}

/**
 * The one object that `--json` prints, also for a run that stopped.
 * @param error what stopped the run; `code` is one of docs/errors.md or of the client's own, `null` for anything else
 */
export function jsonReport(source: string, dryRun: boolean, items: readonly PlanItem[], error?: unknown) {
  return {
    source,
    dry_run: dryRun,
    error: error === undefined ? null : errorReport(error),
    counts: countsOf(items),
    undated: undatedOf(items),
    files: items.map(({ id, action, reason, warnings }) => ({
      id,
      action,
      ...(reason === undefined ? {} : { reason: printable(reason) }),
      warnings: warnings.map(printable),
    })),
  };
}

function errorReport(error: unknown): { code: string | null; message: string } {
  const message = printable(error instanceof Error ? error.message : String(error));
  return { code: error instanceof ServiceError ? error.code : null, message };
}

/** The plan, or what came of it, a line per item that is not `unchanged`, then the warnings. */
export function itemLines(items: readonly PlanItem[], style: Style): string[] {
  const paint: Partial<Record<Action, (text: string) => string>> = {
    refused: style.red,
    failed: style.red,
    unsent: style.red,
    delete: style.yellow,
    vanished: style.yellow,
    skipped: style.dim,
  };
  const lines = items
    .filter(({ action }) => action !== "unchanged")
    .map(({ id, action, reason }) => {
      const name = printable(id === "" ? "(the folder)" : id);
      const line = `  ${action.padEnd(9)} ${name}${reason === undefined ? "" : `: ${printable(reason)}`}`;
      return paint[action]?.(line) ?? line;
    });
  const warnings = items.flatMap((item) => item.warnings);
  return [...lines, ...warnings.map((warning) => style.yellow(`  warning   ${printable(warning)}`))];
}

const words: Readonly<Record<Action, string>> = {
  create: "created",
  update: "updated",
  access: "with new access",
  unchanged: "unchanged",
  delete: "deleted",
  vanished: "vanished",
  refused: "refused",
  failed: "failed",
  unsent: "not sent",
  skipped: "skipped",
};

const plannedWords: Readonly<Partial<Record<Action, string>>> = {
  create: "to create",
  update: "to update",
  access: "to give new access",
  delete: "to delete",
};

/** The counts in one line; actions that did not occur are left out. */
export function summaryLine(source: string, items: readonly PlanItem[], planned: boolean): string {
  const counts = countsOf(items);
  const parts = actions
    .filter((action) => counts[action] > 0)
    .map((action) => `${counts[action]} ${(planned ? plannedWords[action] : undefined) ?? words[action]}`);
  return `${source}: ${parts.length === 0 ? "nothing to do" : parts.join(", ")}`;
}
