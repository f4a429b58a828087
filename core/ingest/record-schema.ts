import { z } from "zod";
import type { Access, AccessToken } from "../access/acl.ts";
import {
  contentTypes,
  type DocumentRecord,
  type IndexFailure,
  type LiveGeneration,
  type WantedContent,
} from "../document.ts";

// What a ledger reads back decides who may read: anything that is not what was written is an error, never a guess.
const integer = z.int().nonnegative();
const token = z.custom<AccessToken>(
  (value) =>
    value === "everyone" || (typeof value === "string" && (value.startsWith("user:") || value.startsWith("group:"))),
);
const content = {
  version: integer,
  title: z.string(),
  url: z.string().nullable(),
  contentType: z.enum(contentTypes),
  quality: z.strictObject({
    authority: z.string().nullable(),
    reviewState: z.string().nullable(),
    updatedAt: z.string().nullable(),
    expiresAt: z.string().nullable(),
    owner: z.string().nullable(),
    supersedes: z.array(z.strictObject({ source: z.string(), id: z.string() })),
  }),
};

/** Stored {@link Access}. */
export const storedAccess: z.ZodType<Access> = z.strictObject({
  grants: z.array(token),
  denies: z.array(token),
  labels: z.array(z.string()),
});

/** Stored {@link WantedContent}. */
export const storedWanted: z.ZodType<WantedContent> = z.strictObject({
  ...content,
  contentHash: z.string(),
  requestHash: z.string(),
  generation: integer,
  acceptedAt: z.string(),
});

/** Stored live generations by fingerprint. */
export const storedLive: z.ZodType<Record<string, LiveGeneration>> = z.record(
  z.string(),
  z.strictObject({
    ...content,
    generation: integer,
    chunkCount: integer,
    access: storedAccess,
    publishedAt: z.string(),
    indexedAccess: integer.exactOptional(),
  }),
);

/** Stored tombstone. */
export const storedTombstone = z.strictObject({ version: integer, deletedAt: z.string() });

/** Stored {@link IndexFailure}. */
export const storedFailure: z.ZodType<IndexFailure> = z.strictObject({
  generation: integer,
  code: z.enum(["unreadable-body", "not-html", "no-text", "too-many-chunks", "indexing-failed"]),
  message: z.string(),
  failedAt: z.string(),
});

/** A whole {@link DocumentRecord}, for ledgers that store it as one JSON value. */
export const recordSchema: z.ZodType<DocumentRecord> = z.strictObject({
  key: z.strictObject({ tenant: z.string(), source: z.string(), id: z.string() }),
  wanted: storedWanted.exactOptional(),
  access: storedAccess,
  accessRevision: integer,
  live: storedLive,
  lastGeneration: integer,
  tombstone: storedTombstone.exactOptional(),
  failure: storedFailure.exactOptional(),
});
