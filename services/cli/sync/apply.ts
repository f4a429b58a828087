import { type HttpClient, ServiceError } from "../http-client.ts";
import { deleteDocument, putAccess, putDocument } from "./api.ts";
import { failureText, type PlanItem } from "./plan.ts";
import { type Dates, type PreparedDocument, prepare, type SourceRules } from "./prepare.ts";
import type { FoundFile } from "./walk.ts";

/** What carrying out a plan needs. */
export interface ApplyOptions {
  readonly client: HttpClient;
  readonly rules: SourceRules;
  readonly dates: Dates;
  /** By id: bodies are read again when they are sent, so that a large folder is never held in memory. */
  readonly files: ReadonlyMap<string, FoundFile>;
  readonly concurrency: number;
  readonly wait: boolean;
  /** Called after each item that sends something. */
  readonly done: () => void;
}

/** Whether an item of the plan sends something. */
export const sends = ({ action }: PlanItem): boolean =>
  action === "create" || action === "update" || action === "access" || action === "delete";

/** What came of a plan. */
export interface Applied {
  /** In the order of the plan: what was done, and what was not. */
  readonly items: readonly PlanItem[];
  /** Why nothing could follow: the service is gone or refuses this token. The items that had not been sent are `unsent`. */
  readonly stopped?: ServiceError;
}

/** Carries out a plan. An item that fails does not stop the others: it comes back as `failed` with its reason. */
export async function applyPlan(plan: readonly PlanItem[], options: ApplyOptions): Promise<Applied> {
  const items = plan.map((item) => (sends(item) ? unsent(item) : item));
  const waiting = plan.entries().filter(([, item]) => sends(item));
  let stopped: ServiceError | undefined;
  const work = async () => {
    for (const [at, item] of waiting) {
      const result = await applyItem(item, options);
      items[at] = result.item;
      stopped ??= result.stops;
      if (stopped !== undefined) return;
      options.done();
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, work));
  return stopped === undefined ? { items } : { items, stopped };
}

/** Carries out one item; `stops` when the same would happen to every other one. */
async function applyItem(item: PlanItem, options: ApplyOptions): Promise<{ item: PlanItem; stops?: ServiceError }> {
  try {
    return { item: await send(item, options) };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.status === 0 || error.status === 401) return { item: failed(item, error.message), stops: error };
    const again = error.code === "revision-mismatch" || error.code === "version-conflict";
    return { item: failed(item, `${error.message}${again ? "; somebody else changed it meanwhile, sync again" : ""}`) };
  }
}

/** Sends an item. What comes back says what the service did, which is not the plan where somebody else was faster. */
async function send(item: PlanItem, options: ApplyOptions): Promise<PlanItem> {
  const { client, rules, wait } = options;
  const { version = 0, accessRevision = 0 } = item;
  if (item.action === "delete") {
    const { outcome } = await deleteDocument(client, rules.source, item.id, version);
    if (outcome === "ignored") return failed(item, "a newer version was accepted meanwhile, sync again");
    return outcome === "unchanged" ? { ...item, action: "unchanged" } : item;
  }
  const document = await preparedAgain(item, options);
  if (document.kind === "refused") return { ...item, action: "refused", reason: document.reason };
  if (item.action === "access") {
    const answer = await putAccess(client, rules.source, document, accessRevision);
    return answer.document.access_revision === accessRevision ? { ...item, action: "unchanged" } : item;
  }
  const answer = await putDocument(client, rules.source, document, { version, accessRevision, wait });
  if (answer.outcome === "ignored") return failed(item, "a newer version was accepted meanwhile, sync again");
  const failure = failureText(answer.document);
  if (failure !== undefined) return failed(item, failure);
  const done: PlanItem = { ...item, action: actionOf[answer.outcome] };
  if (!wait || answer.document.state !== "indexing") return done;
  return { ...done, warnings: [...item.warnings, `${item.id}: accepted, but not searchable yet`] };
}

function preparedAgain(item: PlanItem, { files, rules, dates }: ApplyOptions): Promise<Prepared> | RefusedNow {
  const file = files.get(item.id);
  return file === undefined ? { kind: "refused", reason: "the file is gone" } : prepare(file, rules, dates);
}

type Prepared = PreparedDocument | RefusedNow;
type RefusedNow = { readonly kind: "refused"; readonly reason: string };

const actionOf = { created: "create", updated: "update", unchanged: "unchanged" } as const;

const unsent = (item: PlanItem): PlanItem => ({
  ...item,
  action: "unsent",
  reason: `${item.action}: the run stopped before`,
});

const failed = (item: PlanItem, reason: string): PlanItem => ({
  ...item,
  action: "failed",
  reason: `${item.action}: ${reason}`,
});
