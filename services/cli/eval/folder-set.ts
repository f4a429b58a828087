import { existsSync } from "node:fs";
import { appendFile, cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { openPolicy } from "#adapters/policy-casbin/policy.ts";
import type { PolicySnapshot } from "#core/ports/policy.ts";
import { type PreparedDocument, prepare } from "../sync/prepare.ts";
import { walk } from "../sync/walk.ts";
import { UsageError } from "../terminal.ts";
import { type DataCaller, type DataDocument, type DataQuery, type Dataset, readQueries } from "./dataset.ts";
import { openFolderOracle } from "./folder-oracle.ts";
import { type MappedDocument, type MappedUser, type Mapping, ownGroups } from "./mapping.ts";
import { readModels } from "./policy-folder.ts";

/** The file that says that a set runs over a folder of documents. */
export const setFile = "set.yaml";

const setSchema = z.strictObject({
  /** A folder of `<tenant>/<source>/…`, each source as `reticent sync` reads it; relative to the set. */
  corpus: z.string().min(1),
  /** The policy folder: rules, labels, quality gates and models; relative to the set. */
  policies: z.string().min(1),
});

/** A set over a folder, in the service's terms. */
export interface FolderSet {
  readonly set: Dataset;
  readonly mapping: Mapping;
  /** Writes the policy folder that the set runs under: its own, and rules that let eval load documents and list what a filter selects. */
  writePolicies(folder: string): Promise<void>;
}

/** A document as it is sent, with its place. */
export interface FolderDocument extends PreparedDocument {
  readonly tenant: string;
  readonly source: string;
  /** `<tenant>/<source>/<id>`: unique in the set. */
  readonly name: string;
}

const nameOf = (tenant: string, source: string, documentId: string): string => `${tenant}/${source}/${documentId}`;

/**
 * Reads a set with a `set.yaml`: queries name who asks (`caller`) and, as `source/id` in the caller's tenant, what is relevant.
 * @param trustFile a trust.yaml whose models replace those of the policy folder.
 */
export async function readFolderSet(folder: string, trustFile: string | undefined): Promise<FolderSet> {
  const { corpus, policies } = await readSetFile(join(folder, setFile));
  const corpusDir = resolve(folder, corpus);
  const policyDir = resolve(folder, policies);
  const models = trustFile === undefined ? undefined : await readModels(trustFile);
  const policy = await openPolicy({ dir: policyDir, pollMs: 0, rejectedMaxAgeMs: 0, clock: Date.now });
  try {
    const snapshot = policy.current();
    const documents = await readDocuments(corpusDir, snapshot);
    const raw = await readQueries(folder);
    const callers = callersOf(raw, join(folder, "queries.jsonl"));
    const oracle = await openFolderOracle(policyDir);
    const users: MappedUser[] = [];
    for (const [id, caller] of callers.ids) {
      const visible = await oracle.visible(caller, documents);
      users.push({
        id,
        name: caller.user,
        agents: caller.agents ?? [],
        tokens: [{ tenant: caller.tenant, groups: caller.groups }],
        visible: new Set(visible.map(({ name }) => name)),
      });
    }
    const byId = new Map(users.map((user) => [user.id, user]));
    const callerOf = (query: Pick<DataQuery, "caller">): MappedUser | undefined =>
      query.caller === undefined ? undefined : byId.get(callers.idOf(query.caller));
    const known = new Set(documents.map(({ name }) => name));
    const queries = raw.map((query) => named(query, callerOf(query), known, join(folder, "queries.jsonl")));
    const tenants = [...new Set(documents.map(({ tenant }) => tenant))].toSorted();
    const sources = [...new Set(documents.map(({ source }) => source))].toSorted();
    return {
      set: { documents: documents.map(dataDocument), queries, pairs: [], visible: [] },
      mapping: {
        tenants,
        sources,
        labels: [...snapshot.labels].toSorted(),
        documents: documents.map(mappedDocument),
        users,
        callerOf,
        nameOf,
        everyoneAsks: true,
      },
      writePolicies: (target) => copyPolicies(policyDir, target, tenants, sources, agentsOf(users), models),
    };
  } finally {
    await policy.close();
  }
}

async function readSetFile(file: string): Promise<z.infer<typeof setSchema>> {
  try {
    return setSchema.parse(parse(await readFile(file, "utf8")));
  } catch (cause) {
    throw new UsageError(`${file}: not a set.yaml with corpus and policies`, { cause });
  }
}

async function foldersIn(dir: string): Promise<string[]> {
  if (!existsSync(dir)) throw new UsageError(`${dir} is not a folder`);
  const entries = await readdir(dir, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
}

async function readDocuments(corpusDir: string, snapshot: PolicySnapshot): Promise<FolderDocument[]> {
  const documents: FolderDocument[] = [];
  for (const tenant of await foldersIn(corpusDir)) {
    for (const source of await foldersIn(join(corpusDir, tenant))) {
      const dir = join(corpusDir, tenant, source);
      const trust = snapshot.trust.sources.get(source);
      if (trust === undefined) throw new UsageError(`${dir}: the policy folder declares no source "${source}"`);
      const rules = { source, claims: new Set(trust.frontMatter), labels: snapshot.labels };
      const found = await walk(dir);
      const [refused] = found.refused;
      if (refused !== undefined) throw new UsageError(`${join(dir, refused.id)}: ${refused.reason}`);
      for (const file of found.files) {
        const prepared = await prepare(file, rules, "stated");
        if (prepared.kind === "refused") throw new UsageError(`${join(dir, prepared.id)}: ${prepared.reason}`);
        documents.push({ ...prepared, tenant, source, name: nameOf(tenant, source, prepared.id) });
      }
    }
  }
  if (documents.length === 0) throw new UsageError(`${corpusDir} holds no document below <tenant>/<source>`);
  return documents;
}

/** Gives every caller of the queries a short name: tenant and user, and what else tells two apart. */
function callersOf(queries: readonly DataQuery[], file: string) {
  const key = (caller: DataCaller) =>
    JSON.stringify([caller.tenant, caller.user, caller.groups.toSorted(), caller.agents ?? []]);
  const ids = new Map<string, DataCaller>();
  const idOfKey = new Map<string, string>();
  for (const query of queries) {
    const { caller } = query;
    if (caller === undefined) throw new UsageError(`${file}: query "${query.id}" does not say who asks (caller)`);
    if (idOfKey.has(key(caller))) continue;
    const via = (caller.agents ?? []).length === 0 ? "" : ` via ${caller.agents?.join(" via ")}`;
    const short = `${caller.tenant}/${caller.user}${via}`;
    const id = ids.has(short) ? `${short} (${caller.groups.toSorted().join(", ")})` : short;
    ids.set(id, caller);
    idOfKey.set(key(caller), id);
  }
  return { ids, idOf: (caller: DataCaller): string => idOfKey.get(key(caller)) ?? "" };
}

const agentsOf = (users: readonly MappedUser[]): { tenant: string; agent: string }[] =>
  users.flatMap((user) => user.tokens.flatMap(({ tenant }) => user.agents.map((agent) => ({ tenant, agent }))));

// The names of a query are those of its caller's tenant.
function named(query: DataQuery, user: MappedUser | undefined, known: ReadonlySet<string>, file: string): DataQuery {
  const where = `${file}: query "${query.id}"`;
  const tenant = user?.tokens[0]?.tenant ?? "";
  const name = (short: string): string => {
    const full = `${tenant}/${short}`;
    if (!known.has(full)) throw new UsageError(`${where}: there is no document "${short}" in ${tenant}`);
    return full;
  };
  const relevant = query.relevant.map(name);
  const unseen = relevant.find((full) => user?.visible.has(full) !== true);
  if (unseen !== undefined) throw new UsageError(`${where}: the caller may not read "${unseen}"`);
  if (query.answerable !== relevant.length > 0) {
    throw new UsageError(`${where}: answerable means that a document is relevant, unanswerable that none is`);
  }
  const { expect } = query;
  return {
    ...query,
    relevant,
    wrong: (query.wrong ?? []).map(name),
    ...(expect?.outcome === "answered" && expect.document !== undefined
      ? { expect: { ...expect, document: name(expect.document) } }
      : {}),
  };
}

function dataDocument({ name, tenant, source, request }: FolderDocument): DataDocument {
  return { id: name, title: request.title, text: request.body, source, meta: { tenant } };
}

function mappedDocument({ name, id, tenant, source, request }: FolderDocument): MappedDocument {
  return {
    id: name,
    documentId: id,
    source,
    tenants: [tenant],
    title: request.title,
    url: request.url ?? null,
    contentType: request.content_type,
    body: request.body,
    acl: request.acl,
    labels: request.labels,
    updatedAt: null,
    owner: null,
    supersedes: [],
    quality: { ...request.quality },
  };
}

async function copyPolicies(
  from: string,
  to: string,
  tenants: readonly string[],
  sources: readonly string[],
  agents: readonly { tenant: string; agent: string }[],
  models: Readonly<Record<string, unknown>> | undefined,
): Promise<void> {
  await cp(from, to, { recursive: true });
  // Nobody of the set is in these groups. An agent's line alone opens nothing: its user would have to be allowed as well.
  const rules = tenants.flatMap((tenant) => [
    ...sources.flatMap((source) => [
      `p, group:${ownGroups.writers}, ${tenant}, source:${source}, write, allow`,
      `p, group:${ownGroups.writers}, ${tenant}, source:${source}, share, allow`,
    ]),
    `p, group:${ownGroups.auditors}, ${tenant}, tenant, explain, allow`,
  ]);
  const forAgents = new Set(agents.map(({ tenant, agent }) => `p, agent:${agent}, ${tenant}, tenant, explain, allow`));
  await appendFile(join(to, "policy.csv"), `\n${[...rules, ...forAgents].join("\n")}\n`);
  if (models === undefined) return;
  const trustFile = join(to, "trust.yaml");
  const trust: unknown = parse(await readFile(trustFile, "utf8"));
  await writeFile(trustFile, stringify({ ...Object(trust), models }));
}
