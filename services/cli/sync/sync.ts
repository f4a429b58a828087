import { sourcePattern } from "#core/limits.ts";
import type { DocumentStatus } from "#services/indexer/status.ts";
import { connection, type HttpClient, httpClient } from "../http-client.ts";
import {
  CommandError,
  exitCodeOf,
  integerOption,
  parseOptions,
  processTerminal,
  progressBar,
  styleOf,
  type Terminal,
  UsageError,
  wantsColor,
} from "../terminal.ts";
import { sourceRules, storedDocuments } from "./api.ts";
import { type Applied, applyPlan, sends } from "./apply.ts";
import { IncompleteStatusError, type PlanItem, planDocument, planVanished } from "./plan.ts";
import { type Dates, prepare, type SourceRules } from "./prepare.ts";
import { itemLines, jsonReport, summaryLine, undatedLines } from "./report.ts";
import { type Walk, walk } from "./walk.ts";

const help = `usage: reticent sync <folder> --source S [--delete] [--dry-run] [--json] [--concurrency N] [--no-wait] [--dates mtime]
                     [--ignore-parents]

Sends the documents of a folder (.md .markdown .html .htm .txt) to the indexer: what is new, changed, or has another access
list. Access lists, labels and quality come from _reticent.yaml files, inherited downwards, and from front matter.

  --source S        the source that the documents belong to
  --delete          delete stored documents whose file is gone (otherwise they are listed)
  --dry-run         print the plan and send nothing
  --json            print one JSON object
  --concurrency N   documents sent at the same time, 1 to 32 (default 4)
  --no-wait         do not wait until the documents are searchable
  --dates mtime     a document without a stated date (quality.updated_at) gets its file's time of last change. Every copy, checkout
                    and touch then sends it again, and makes an old page young. Without this option it has no date, and is stale
                    wherever its source has an age limit
  --ignore-parents  go on although a folder above holds a _reticent.yaml: it does not count, its denies and labels neither
  --url U           address of the service (RETICENT_URL, else http://127.0.0.1:8080)
  --token T         a token that may write and share on the source (RETICENT_TOKEN)

Exit code: 0, or 1 when a file was refused or failed (the others were sent) or the run had to stop (what was not sent is listed),
2 for a wrong command line.
`;

/** What one run is asked to do. */
export interface SyncOptions {
  readonly folder: string;
  readonly source: string;
  readonly remove: boolean;
  readonly dryRun: boolean;
  readonly concurrency: number;
  readonly wait: boolean;
  readonly dates: Dates;
  /** Access lists of the folders above are left out on purpose; otherwise one that is there ends the run. */
  readonly ignoreParents?: boolean;
}

/** Told about the course of a run. */
export interface SyncProgress {
  /** Before anything is sent. */
  planned(plan: readonly PlanItem[]): void;
  /** After each item that sends something. */
  done(): void;
}

/** `reticent sync`. */
export async function run(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  return exitCodeOf("sync", () => command(args, terminal), terminal.stderr);
}

async function command(args: readonly string[], terminal: Terminal): Promise<number> {
  const { stdout, stderr, env } = terminal;
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      source: { type: "string" },
      delete: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      concurrency: { type: "string" },
      "no-wait": { type: "boolean", default: false },
      dates: { type: "string" },
      "ignore-parents": { type: "boolean", default: false },
      url: { type: "string" },
      token: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    stdout.write(help);
    return 0;
  }
  const [folder, ...more] = positionals;
  if (folder === undefined || more.length > 0) throw new UsageError("exactly one folder is needed");
  if (values.source === undefined) throw new UsageError("--source is needed");
  if (!sourcePattern.test(values.source)) throw new UsageError(`--source: "${values.source}" is not a source's name`);
  const options: SyncOptions = {
    folder,
    source: values.source,
    remove: values.delete,
    dryRun: values["dry-run"],
    concurrency: integerOption("concurrency", values.concurrency, { min: 1, max: 32 }) ?? 4,
    wait: !values["no-wait"],
    dates: datesOption(values.dates),
    ignoreParents: values["ignore-parents"],
  };
  const client = httpClient({
    ...connection(values, env),
    timeoutMs: 60_000,
    retries: 8,
    onWait: (waitMs, { status }) => bar.note(waitNote(waitMs, status)),
  });
  const style = styleOf(wantsColor(stdout, env));
  const print = (lines: readonly string[]) => stdout.write(lines.map((line) => `${line}\n`).join(""));
  let bar = progressBar(stderr, "", 0);
  let shown: readonly PlanItem[] = [];
  let isTold = false;
  const report = (items: readonly PlanItem[], error?: unknown): string => {
    isTold = true;
    return JSON.stringify(jsonReport(options.source, options.dryRun, items, error), null, 2);
  };
  try {
    const { items, stopped } = await syncFolder(client, options, {
      planned(plan) {
        shown = plan;
        if (!values.json)
          print([...itemLines(plan, style), summaryLine(options.source, plan, true), ...undatedLines(plan)]);
        if (!options.dryRun) bar = progressBar(stderr, options.source, plan.filter(sends).length);
      },
      done: () => bar.tick(),
    });
    bar.end();
    if (values.json) print([report(items, stopped)]);
    else if (!options.dryRun && shown.some(sends)) {
      const changed = items.filter((item, at) => !saysTheSame(item, shown[at]));
      print([...itemLines(changed, style), summaryLine(options.source, items, false)]);
    }
    // What was done has been said: the error itself ends the command like any other.
    if (stopped !== undefined) throw new CommandError(`stopped: ${stopped.message}`, { cause: stopped });
    return items.some(({ action }) => action === "refused" || action === "failed") ? 1 : 0;
  } catch (error) {
    bar.end();
    if (values.json && !(error instanceof UsageError) && !isTold) print([report([], error)]);
    throw error;
  } finally {
    bar.end();
  }
}

/** Whether the plan has told this already. */
function saysTheSame(done: PlanItem, planned: PlanItem | undefined): boolean {
  return done.action === planned?.action && done.reason === planned.reason && done.warnings === planned.warnings;
}

/** A long run on the default rate limit stands still for most of each minute: the bar says why. */
function waitNote(waitMs: number, status: number): string {
  const why = status === 429 ? "rate limit" : "the service is busy";
  return `waiting ${Math.ceil(waitMs / 1_000)} s (${why})`;
}

function datesOption(value: string | undefined): Dates {
  if (value === undefined || value === "stated") return "stated";
  if (value === "mtime") return "mtime";
  throw new UsageError(`--dates: stated or mtime, not "${value}"`);
}

/**
 * Synchronises a folder with a source: what the command does, without its printing.
 * @returns one item per file and per stored document that has none any more, in the order of their ids
 * @throws ServiceError (before anything was sent), UsageError (the folder cannot be synchronised), CommandError
 */
export async function syncFolder(
  client: HttpClient,
  options: SyncOptions,
  progress: SyncProgress = { planned() {}, done() {} },
): Promise<Applied> {
  const found = await walk(options.folder, options);
  const rules = await sourceRules(client, options.source);
  const stored = await storedDocuments(client, options.source);
  const plan = await planFolder(found, rules, stored, options);
  if (options.remove && found.files.length === 0 && plan.some(({ action }) => action === "delete")) {
    throw new CommandError(`"${options.folder}" holds no document: --delete would delete the whole source`);
  }
  progress.planned(plan);
  if (options.dryRun) return { items: plan };
  return applyPlan(plan, {
    client,
    rules,
    files: new Map(found.files.map((file) => [file.id, file])),
    dates: options.dates,
    concurrency: options.concurrency,
    wait: options.wait,
    done: progress.done,
  });
}

/** The plan for what a folder holds and what is stored. Reads the files, sends nothing. */
export async function planFolder(
  found: Walk,
  rules: SourceRules,
  stored: ReadonlyMap<string, DocumentStatus>,
  { remove, dates }: Pick<SyncOptions, "remove" | "dates">,
): Promise<PlanItem[]> {
  const items: PlanItem[] = [
    ...found.skipped.map((item): PlanItem => ({ ...item, action: "skipped", warnings: [] })),
    ...found.refused.map(({ id, reason }) => refusal(id, reason, stored.get(id))),
  ];
  try {
    for (const file of found.files) {
      const prepared = await prepare(file, rules, dates);
      items.push(
        prepared.kind === "refused"
          ? refusal(file.id, prepared.reason, stored.get(file.id))
          : { ...planDocument(prepared, stored.get(file.id)), undated: prepared.undated },
      );
    }
    const present = new Set(items.map(({ id }) => id));
    items.push(...planVanished(stored.values(), present, remove));
  } catch (error) {
    if (error instanceof IncompleteStatusError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
  return items.toSorted((a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)));
}

/** What was stored before stays as it was: the reader of the report must know that its old access list is still in force. */
function refusal(id: string, reason: string, stored: DocumentStatus | undefined): PlanItem {
  const isStored = stored !== undefined && stored.state !== "deleted";
  const warnings = isStored ? [`${id}: the document stored earlier stays, under its earlier access list`] : [];
  return { id, action: "refused", reason, warnings };
}
