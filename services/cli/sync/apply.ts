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

/**
 * Carries out a plan. An item that fails does not stop the others: it comes back as `failed` with its reason.
 * @returns the items in their order
 * @throws ServiceError when nothing could follow: the service is gone or refuses this token
 */
export async function applyPlan(plan: readonly PlanItem[], options: ApplyOptions): Promise<PlanItem[]> {
  const results = [...plan];
  const waiting = plan.entries().filter(([, item]) => sends(item));
  const work = async () => {
    for (const [at, item] of waiting) {
      results[at] = await applyItem(item, options);
      options.done();
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, work));
  return results;
}

async function applyItem(item: PlanItem, options: ApplyOptions): Promise<PlanItem> {
  try {
    return await send(item, options);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.status === 0 || error.status === 401) throw error;
    const again = error.code === "revision-mismatch" || error.code === "version-conflict";
    return failed(item, `${error.message}${again ? "; somebody else changed it meanwhile, sync again" : ""}`);
  }
}

async function send(item: PlanItem, options: ApplyOptions): Promise<PlanItem> {
  const { client, rules, wait } = options;
  const { version = 0, accessRevision = 0 } = item;
  if (item.action === "delete") {
    const { outcome } = await deleteDocument(client, rules.source, item.id, version);
    return outcome === "ignored" ? failed(item, "a newer version was accepted meanwhile, sync again") : item;
  }
  const document = await preparedAgain(item, options);
  if (document.kind === "refused") return { ...item, action: "refused", reason: document.reason };
  if (item.action === "access") {
    await putAccess(client, rules.source, document, accessRevision);
    return item;
  }
  const answer = await putDocument(client, rules.source, document, { version, accessRevision, wait });
  if (answer.outcome === "ignored") return failed(item, "a newer version was accepted meanwhile, sync again");
  const failure = failureText(answer.document);
  if (failure !== undefined) return failed(item, failure);
  if (!wait || answer.document.state !== "indexing") return item;
  return { ...item, warnings: [...item.warnings, `${item.id}: accepted, but not searchable yet`] };
}

function preparedAgain(item: PlanItem, { files, rules, dates }: ApplyOptions): Promise<Prepared> | RefusedNow {
  const file = files.get(item.id);
  return file === undefined ? { kind: "refused", reason: "the file is gone" } : prepare(file, rules, dates);
}

type Prepared = PreparedDocument | RefusedNow;
type RefusedNow = { readonly kind: "refused"; readonly reason: string };

const failed = (item: PlanItem, reason: string): PlanItem => ({
  ...item,
  action: "failed",
  reason: `${item.action}: ${reason}`,
});
