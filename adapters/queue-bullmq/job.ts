import { createHash } from "node:crypto";
import type { JobsOptions } from "bullmq";
import { z } from "zod";
import { type DocumentKey, keyString } from "#core/document.ts";
import { type BullQueueOptions, kept } from "./options.ts";

const wakeUpSchema = z.strictObject({ tenant: z.string(), source: z.string(), id: z.string() });

/** The document of a job. @throws ZodError for a job that another program wrote */
export function documentOf(data: unknown): DocumentKey {
  return wakeUpSchema.parse(data);
}

/** What a job carries. */
export function wakeUpOf({ tenant, source, id }: DocumentKey): DocumentKey {
  return { tenant, source, id };
}

/** Names a document inside keys: a digest, because BullMQ joins keys with `:` and a document's id may hold anything. */
export function documentDigest(key: DocumentKey): string {
  return createHash("sha256").update(keyString(key)).digest("base64url");
}

/** Name of the custom backoff, see {@link restAfter}. */
export const backoffName = "full-jitter";

/** Behind everything without a priority. */
const backgroundPriority = 1;

/**
 * How a wake-up is added.
 *
 * Without `background`: while the document is active the wish is kept and becomes a job when that one is over; while it rests after a failure, the
 * rest ends now; while it waits, nothing is added. In the background: nothing is added while the document has a job in any of these states. Its
 * only sender is the reconciler, which asks again, must not cut a rest short with every sweep, and must not push a kept wish behind the others.
 */
export function jobOptions(
  key: DocumentKey,
  jobId: string,
  background: boolean,
  { maxAttempts }: Pick<BullQueueOptions, "maxAttempts">,
): JobsOptions {
  const id = documentDigest(key);
  return {
    jobId,
    ...(background ? { priority: backgroundPriority } : {}),
    deduplication: background ? { id } : { id, keepLastIfActive: true, reschedule: true },
    attempts: maxAttempts,
    backoff: { type: backoffName },
    removeOnComplete: kept.completed,
    removeOnFail: kept.failed,
    // Lines of a stack trace name paths of the machine.
    stackTraceLimit: 0,
  };
}

/** The rest after a failed try, ms: full jitter under a bound that doubles. @param attempts failed so far, ≥ 1 */
export function restAfter(
  attempts: number,
  { backoffMs, maxBackoffMs, random = Math.random }: Pick<BullQueueOptions, "backoffMs" | "maxBackoffMs" | "random">,
): number {
  // 0 would mean "at once", before everything that waits.
  return Math.max(1, Math.floor(random() * Math.min(maxBackoffMs, backoffMs * 2 ** (attempts - 1))));
}
