import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InjectOptions, LightMyRequestResponse } from "fastify";
import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { embeddedIssuer, signToken } from "#adapters/identity-jose/embedded.ts";
import { makeTokenVerifier } from "#adapters/identity-jose/verifier.ts";
import { openPolicy } from "#adapters/policy-casbin/policy.ts";
import type { DocumentKey } from "#core/document.ts";
import { documentChanges } from "#core/ingest/changes.ts";
import { makeWorker } from "#core/ingest/worker.ts";
import { authPlugin } from "#services/http/auth.ts";
import { rateLimitPlugin } from "#services/http/rate-limit.ts";
import { makeServer } from "#services/http/server.ts";
import { indexerApp } from "#services/indexer/app.ts";
import { policyFolder, testPolicy } from "./policy-folder.ts";
import { embedded, type Stack } from "./stacks.ts";

/** A company like the one of the examples, and people who may do one thing only. */
const files = {
  ...testPolicy,
  "policy.csv": `
g, group:employees, role:reader, halden
p, role:reader, halden, source:handbook, read, allow
p, role:reader, halden, source:wiki, read, allow
p, role:reader, halden, source:support, read, allow
p, role:reader, halden, source:forum, read, allow
p, group:contractors, halden, source:handbook, read, allow
p, group:contractors, halden, source:wiki, read, allow
p, group:contractors, halden, source:support, read, allow
p, group:contractors, halden, label:engineering-only, read, deny
p, agent:assistant, halden, group:managers, act, allow
p, agent:assistant, halden, group:employees, act, allow
p, agent:assistant, halden, source:handbook, read, allow
p, agent:assistant, halden, source:wiki, read, allow
p, agent:assistant, halden, source:support, read, allow
p, agent:assistant, halden, label:personal-data, read, deny
g, group:knowledge, role:reader, halden
${["handbook", "wiki", "support", "forum"]
  .flatMap((source) =>
    ["write", "share"].map((action) => `p, group:knowledge, halden, source:${source}, ${action}, allow`),
  )
  .join("\n")}
p, user:sam, halden, tenant, explain, allow
p, user:sam, halden, tenant, admin, allow
p, user:wes, halden, source:wiki, write, allow
p, user:sue, halden, source:wiki, share, allow
p, user:ada, halden, tenant, admin, allow
p, user:exa, halden, tenant, explain, allow
p, group:employees, marlow, source:handbook, read, allow
`.trimStart(),
  "labels.yaml": "labels:\n  personal-data: about people\n  engineering-only: unfinished\n",
  "trust.yaml": `tiers: [reference, team, unverified]
defaults: { minimum_tier: team, review_states: off, max_age_days: off, require_owner: false, front_matter: [] }
sources:
  handbook: { tier: reference }
  wiki: { tier: team, front_matter: [review_state, authority] }
  support: { tier: team }
  forum: { tier: unverified }
models:
  local/hashed-384-v1: { floor: 0.02, threshold: 0.2, origin: chosen for tests }
  local/all-minilm-l6-v2-int8: { floor: 0.02, threshold: 0.2, origin: chosen for tests }
`,
};

const groupsOf: Readonly<Record<string, readonly string[]>> = {
  erin: ["employees", "engineering"],
  carol: ["contractors"],
  mia: ["employees", "managers"],
  sam: ["knowledge"],
};

/** A request in short: `body` is sent as JSON. */
export interface Ask {
  readonly method?: InjectOptions["method"];
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default `halden`. */
  readonly tenant?: string;
}

/**
 * The indexer's API on a real ledger and index, a real policy folder and real tokens. There is no queue: the worker works on a document when the
 * test says so, or at each wake-up.
 */
export async function openIndexer(stack: Stack = embedded) {
  const dir = await mkdtemp(join(tmpdir(), "indexer-"));
  const folder = policyFolder(files);
  const clock = Date.now;
  const policy = await openPolicy({ dir: folder.dir, pollMs: 0, rejectedMaxAgeMs: 60_000, clock });
  const place = stack.place(join(dir, "test.db"));
  const { ledger, index, close } = await stack.open(place, { clock });
  const embedder = hashedEmbedder();
  const { fingerprint } = embedder.model;
  const changes = documentChanges();
  const audience = "reticent";
  const verifier = await makeTokenVerifier({ issuers: [await embeddedIssuer(dir)], audience, clock });

  /** Brings the index, and its copy of access if it keeps one, to what the ledger wants of a document. */
  const publish = makeWorker({ ledger, index, embedder, clock, changes });

  const worker: { onWake: (key: DocumentKey) => Promise<void> } = { onWake: async () => {} };
  const woken: DocumentKey[] = [];
  const app = makeServer({ logLevel: "silent", deadlineMs: 10_000 });
  await app.register(authPlugin, { verifier, ledger });
  await app.register(rateLimitPlugin, { perMinute: 1_000_000 });
  await app.register(indexerApp, {
    ledger,
    index,
    policy,
    queue: {
      async wake(key) {
        woken.push(key);
        await worker.onWake(key);
      },
    },
    fingerprint: () => fingerprint,
    written: () => [fingerprint],
    changes,
    waitMs: 1_500,
  });

  /** Asks as a user of the invented company, or as `user+agent`; `null` = without a token. */
  async function ask(
    who: string | null,
    url: string,
    { method = "GET", body, headers = {}, tenant = "halden" }: Ask = {},
  ) {
    const [user = "", ...agents] = (who ?? "").split("+");
    const groups = groupsOf[user] ?? [];
    const token =
      who === null ? null : await signToken({ dataDir: dir, tenant, user, groups, agents, ttlS: 60, audience });
    const answer: LightMyRequestResponse = await app.inject({
      method,
      url,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
  }

  return {
    app,
    ask,
    ledger,
    policy,
    publish,
    worker,
    woken,
    async close() {
      await app.close();
      await policy.close();
      await close();
      await stack.erase(place);
      folder.remove();
      await rm(dir, { recursive: true });
    },
  };
}

/** A document that everybody of the tenant may read. */
export const page = {
  version: 1,
  title: "Travel",
  content_type: "text/markdown",
  body: "# Travel\n\nBook early.",
  acl: [{ access_type: "grant", type: "everyone" }],
};
