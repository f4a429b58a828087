import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import type { AclEntry } from "#core/access/acl.ts";
import type { Recheck } from "#core/retrieval/recheck.ts";
import { serverFor } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import { openPorts } from "#services/ports/open-ports.ts";
import { type RunningService, serve } from "#services/process/serve.ts";
import { type LyingIndex, lyingIndex } from "./lying-index.ts";
import { policyFolder, testPolicy } from "./policy-folder.ts";
import { embedded, type Stack } from "./stacks.ts";
import { until } from "./until.ts";
import { deny, everyone, grant } from "./world.ts";

/** The test policy, and writers for every source and tenant. */
const policyFiles = {
  ...testPolicy,
  "policy.csv": `${testPolicy["policy.csv"]}p, role:writer, one, source:closed, write, allow
p, role:writer, one, source:closed, share, allow
p, group:writers, two, source:open, write, allow
p, group:writers, two, source:open, share, allow
`,
};

/** A document as a test writes it; what is left out is harmless. */
export interface Written {
  readonly tenant?: string;
  readonly source?: string;
  readonly id: string;
  readonly acl?: readonly AclEntry[];
  readonly labels?: readonly string[];
  readonly body: string;
}

/** What a guest may read. */
export const visible: readonly Written[] = [
  { id: "tower.md", body: "# North tower\n\nThe code of the north tower is changed every spring." },
  { id: "bridge.md", body: "# South bridge\n\nThe south bridge has a code that the guard knows." },
  { source: "plain", id: "cellar.md", body: "# Cellar\n\nThe cellar below the tower holds apples." },
];

/** Each is closed to the guest by another condition. Every place of a document holds a marker that occurs nowhere else. */
export const hidden: readonly Written[] = [
  { id: "ungranted", acl: [grant("group", "staff")] },
  { id: "denied", acl: [everyone, deny("user", "gwen")] },
  { id: "labelled", labels: ["secret"] },
  { id: "source", source: "closed" },
  { id: "tenant", tenant: "two" },
  { id: "deleted" },
].map(({ id, ...document }) => ({
  ...document,
  id: `zqid-${id}`,
  body: `# The zqheading-${id} of the north tower\n\nThe vault code of the north tower is zqtext-${id}.`,
}));
/** What stands in no visible document. */
export const marker = /zq(id|title|heading|text|url)/;

/** Whether an id is that of a hidden document. */
export const isHidden = (id: string): boolean => id.startsWith("zqid");

/** An answer; `all` is its headers and its body as they came. */
export interface Answer {
  readonly status: number;
  readonly all: string;
  readonly body: Record<string, unknown>;
}

/** A whole service over HTTP, whose index can be told to lie. */
export interface LyingService {
  readonly index: LyingIndex;
  /** A request in the name of somebody of tenant `one`, or of another. */
  call(
    who: { readonly user: string; readonly groups: readonly string[]; readonly tenant?: string },
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Answer>;
  put(document: Written, version?: number): Promise<void>;
  /** Waits until the filter selects what the re-check confirms: an index with a copy of access hears of a change after the ledger. */
  settled(): Promise<void>;
  /** Stops, and starts again on the same data. */
  restart(recheck?: Recheck): Promise<void>;
  close(): Promise<void>;
}

/** Somebody who may write everywhere. */
export const writer = { user: "wendy", groups: ["writers"] };

/** Starts a service on data of its own. */
export async function lyingService(stack: Stack = embedded): Promise<LyingService> {
  const policy = policyFolder(policyFiles);
  const dataDir = await mkdtemp(join(tmpdir(), "reticent-lying-"));
  const place = stack.place();
  const config = defaultConfig({
    ...stack.settings(place),
    embedder: "hashed",
    port: 0,
    dataDir,
    policyDir: policy.dir,
    logLevel: "silent",
  });
  let index: LyingIndex;
  let service: RunningService;
  const start = async (before: LyingIndex["written"], recheck?: Recheck) => {
    const ports = await openPorts(config, () => {});
    index = lyingIndex(ports.index, before);
    const changed = { ...ports, index: index.port, ...(recheck === undefined ? {} : { recheck }) };
    service = await serve(changed, config, serverFor(config));
  };
  await start([]);

  const call: LyingService["call"] = async ({ user, groups, tenant = "one" }, method, path, body) => {
    const token = await signToken({ dataDir, tenant, user, groups, agents: [], ttlS: 600, audience: "reticent" });
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      all: `${JSON.stringify([...response.headers])}${text}`,
      body: JSON.parse(text) as Record<string, unknown>,
    };
  };

  return {
    get index() {
      return index;
    },
    call,
    async put(document, version = 1) {
      const { tenant = "one", source = "open", id, acl = [everyone], labels = [], body } = document;
      const name = id.replace(/^zqid/, "");
      const path = `/v1/documents/${source}/${encodeURIComponent(id)}?wait=true`;
      const { status, all } = await call({ ...writer, tenant }, "PUT", path, {
        version,
        title: isHidden(id) ? `zqtitle${name}` : `About ${id}`,
        url: `https://example.org/${isHidden(id) ? `zqurl${name}` : id}`,
        content_type: "text/markdown",
        body,
        acl,
        labels,
      });
      if (status !== 200) throw new Error(all);
    },
    async settled() {
      const looker = { user: "eve", groups: ["explainers", "guests"] };
      const list = async (query: string) => (await call(looker, "GET", `/v1/documents${query}`)).body.documents;
      await until(async () => isDeepStrictEqual(await list("?via=filter"), await list("")));
    },
    async restart(recheck) {
      await service.close();
      await start(index.written, recheck);
    },
    async close() {
      await service.close();
      await stack.erase(place);
      await rm(dataDir, { recursive: true, force: true });
      policy.remove();
    },
  };
}
