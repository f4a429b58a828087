import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { abstainReasons } from "#core/retrieval/response.ts";
import { UsageError } from "../terminal.ts";

const documentSchema = z.object({
  id: z.string().min(1),
  title: z.string().default(""),
  text: z.string(),
  source: z.string().min(1).default("documents"),
  url: z.string().nullish(),
  updatedAt: z.string().nullish(),
  meta: z
    .looseObject({ tenant: z.string().nullish(), owner: z.string().nullish(), supersededBy: z.string().nullish() })
    .default({}),
});
/** A document of a set. */
export type DataDocument = z.infer<typeof documentSchema>;

/** Who asks a query of a set over a folder. Names stand without their kind, as in policies/tests. */
export const callerSchema = z.strictObject({
  tenant: z.string().min(1),
  user: z.string().min(1),
  groups: z.array(z.string()),
  agents: z.array(z.string()).optional(),
});
export type DataCaller = z.infer<typeof callerSchema>;

/** Reasons for which there was nothing readable: which of them it is depends on the encoder alone. */
export const nothingReadable = ["no_match", "below_similarity", "low_confidence"] as const;

/** `document` must come first in an answer; `reason` must be the one of an abstention. */
export const expectSchema = z.union([
  z.strictObject({ outcome: z.literal("answered"), document: z.string().optional() }),
  z.strictObject({ outcome: z.literal("abstained"), reason: z.enum([...abstainReasons, "nothing_readable"]) }),
]);
export type DataExpect = z.infer<typeof expectSchema>;

const querySchema = z.object({
  id: z.string().min(1),
  text: z.string(),
  answerable: z.boolean(),
  relevant: z.array(z.string()),
  kind: z.string(),
  split: z.enum(["calib", "test"]),
  tenant: z.string().nullish(),
  fold: z.int().nonnegative().nullish(),
  /** What belongs together (an article, a folder): resampled together, and never cut by a fold. */
  group: z.string().nullish(),
  /** The same, as the FAQ sets call it. */
  product: z.string().nullish(),
  /** Who asks; only in a set of one's own over a folder. */
  caller: callerSchema.optional(),
  /** Documents that must not come first; only counted. */
  wrong: z.array(z.string()).optional(),
  /** What must come out, whatever the figures say. */
  expect: expectSchema.optional(),
  /** Text that must be in no response to anybody. */
  never: z.string().min(1).optional(),
});
/** A query of a set with its judgement. */
export type DataQuery = z.infer<typeof querySchema>;

/** The group of a query; `null` where its set has none. */
export const groupOf = (query: Pick<DataQuery, "group" | "product">): string | null =>
  query.group ?? query.product ?? null;

const names = z.array(z.string());
const aclSchema = z.object({
  docId: z.string(),
  tenant: z.string(),
  visibility: z.enum(["public", "tenant", "restricted"]),
  allowGroups: names,
  denyGroups: names,
  allowUsers: names,
  denyUsers: names,
  label: z.string().optional(),
});
/** Who may see a document of a set. */
export type DataAcl = z.infer<typeof aclSchema>;

const userSchema = z.object({
  id: z.string().min(1),
  tenants: names,
  type: z.enum(["employee", "contractor", "guest"]),
  active: z.boolean(),
});
/** A user of a set. */
export type DataUser = z.infer<typeof userSchema>;

const groupSchema = z.object({ id: z.string().min(1), members: names, memberGroups: names });
/** A group of a set; groups nest, and may do so in a cycle. */
export type DataGroup = z.infer<typeof groupSchema>;

const principalsSchema = z.object({ tenants: names, users: z.array(userSchema), groups: z.array(groupSchema) });

const pairSchema = z.object({
  id: z.string(),
  user: z.string(),
  queryId: z.string(),
  visibleRelevant: names,
  expect: z.enum(["answer", "abstain"]),
  kind: z.string(),
});
/** What one user should get for one query. */
export type DataPair = z.infer<typeof pairSchema>;

const visibleSchema = z.object({ user: z.string(), visibleDocCount: z.number(), visibleSha256: z.string() });
/** What one user sees, as published with a set. */
export type DataVisible = z.infer<typeof visibleSchema>;

/** A set as its files say it. */
export interface Dataset {
  readonly documents: readonly DataDocument[];
  readonly queries: readonly DataQuery[];
  /** Absent = the set has no access lists. */
  readonly access?: {
    readonly acl: ReadonlyMap<string, DataAcl>;
    readonly tenants: readonly string[];
    readonly users: readonly DataUser[];
    readonly groups: readonly DataGroup[];
  };
  readonly pairs: readonly DataPair[];
  readonly visible: readonly DataVisible[];
}

/** The queries of a folder's `queries.jsonl`. @throws UsageError naming file and line of what is not in the layout. */
export async function readQueries(folder: string): Promise<DataQuery[]> {
  const file = join(folder, "queries.jsonl");
  const queries = await lines(querySchema, file);
  unique(queries, (query) => query.id, file);
  return queries;
}

async function text(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read ${file}`, { cause });
  }
}

function parse<T>(schema: z.ZodType<T>, raw: string, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    throw new UsageError(`${where}: not JSON`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${where}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "not in the layout"}`);
}

async function lines<T>(schema: z.ZodType<T>, file: string): Promise<T[]> {
  const raw = (await text(file)).split("\n");
  return raw.flatMap((line, at) => (line.trim() === "" ? [] : [parse(schema, line, `${file}:${at + 1}`)]));
}

const optional = async <T>(schema: z.ZodType<T>, file: string): Promise<T[]> =>
  existsSync(file) ? lines(schema, file) : [];

function unique<T>(items: readonly T[], key: (item: T) => string, file: string): void {
  const seen = new Set<string>();
  for (const item of items) {
    if (seen.has(key(item))) throw new UsageError(`${file}: "${key(item)}" appears twice`);
    seen.add(key(item));
  }
}

/**
 * Reads a set: `corpus.jsonl`, `queries.jsonl` and, where they are, `acl.jsonl` with `principals.json`, `visibility.jsonl`,
 * `users_visible.jsonl`.
 * @param superseded also read the add-on `superseded.jsonl`, `acl-superseded.jsonl`.
 * @throws UsageError naming file and line of what is not in the layout.
 */
export async function readDataset(folder: string, superseded = false): Promise<Dataset> {
  const file = (name: string) => join(folder, name);
  const documents = await lines(documentSchema, file("corpus.jsonl"));
  const queries = await readQueries(folder);
  if (superseded) documents.push(...(await lines(documentSchema, file("superseded.jsonl"))));
  unique(documents, (document) => document.id, file("corpus.jsonl"));
  const base = {
    documents,
    queries,
    pairs: await optional(pairSchema, file("visibility.jsonl")),
    visible: await optional(visibleSchema, file("users_visible.jsonl")),
  };
  if (!existsSync(file("acl.jsonl"))) return base;
  const acl = await lines(aclSchema, file("acl.jsonl"));
  if (superseded) acl.push(...(await lines(aclSchema, file("acl-superseded.jsonl"))));
  const byId = new Map(acl.map((entry) => [entry.docId, entry]));
  for (const document of documents) {
    if (!byId.has(document.id)) throw new UsageError(`${file("acl.jsonl")}: no line for document "${document.id}"`);
  }
  const principals = parse(principalsSchema, await text(file("principals.json")), file("principals.json"));
  unique(principals.users, (user) => user.id, file("principals.json"));
  unique(principals.groups, (group) => group.id, file("principals.json"));
  return { ...base, access: { acl: byId, ...principals } };
}
