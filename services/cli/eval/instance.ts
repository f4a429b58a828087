import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import type { AdapterConfig } from "#services/adapter-settings.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig, parseConfig } from "#services/config.ts";
import { UnusableServer } from "#services/ports/unusable-server.ts";
import { namespacePrefix, type OwnAdapters, underOwnName } from "./adapters.ts";
import { Api, ServiceError } from "./api.ts";
import { type MappedDocument, type MappedUser, ownGroups } from "./mapping.ts";
import type { EvalOptions } from "./options.ts";

const dayMs = 86_400_000;
const tokenTtlS = 24 * 3600;
/** Documents on their way at the same time. */
const uploads = 8;

// Folders of running instances: gone when the process ends, also when it is told to stop in the middle.
const folders = new Set<string>();
const removeAll = () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
};
process.on("exit", removeAll);

// What lies on servers cannot be erased any more when the process is told to stop, or when a server is away then.
const onServers = new Set<OwnAdapters>();
process.on("exit", () => {
  if (onServers.size === 0) return;
  process.stderr.write(`left behind on the servers: what is named with ${namespacePrefix}…\n`);
});

/** A fresh service of its own, on a free port, with a policy folder, a signing key and a data directory that go with it. */
export interface Instance {
  readonly api: Api;
  /** A token of the user in each of its tenants, in their order. */
  tokensOf(user: MappedUser, extraGroups?: readonly string[]): Promise<readonly { tenant: string; token: string }[]>;
  /** Puts documents, some at a time, and waits until each is searchable. */
  load(documents: readonly MappedDocument[], done?: () => void): Promise<Loaded>;
  /** Stops the service and removes its folder. */
  close(): Promise<void>;
}

/** What loading came to. */
export interface Loaded {
  /** Documents put; a document of several tenants counts once for each. */
  readonly documents: number;
  /** `null` when the service does not tell. */
  readonly chunks: number | null;
  readonly seconds: number;
}

/** Starts an empty instance. @param writePolicies writes its policy folder, which is there and empty. */
export async function startInstance(
  writePolicies: (folder: string) => Promise<void>,
  options: Pick<EvalOptions, "adapters" | "embedder" | "vectorFile" | "candidatesFile">,
): Promise<Instance> {
  const { embedder, vectorFile, candidatesFile } = options;
  const own = options.adapters === undefined ? undefined : underOwnName(options.adapters);
  const folder = mkdtempSync(join(tmpdir(), "reticent-eval-"));
  folders.add(folder);
  const remove = async () => {
    rmSync(folder, { recursive: true, force: true });
    folders.delete(folder);
    if (own === undefined) return;
    // Without it, what was measured is as good; the end of the process says what is left.
    await own.erase().then(
      () => onServers.delete(own),
      () => {},
    );
  };
  const dataDir = join(folder, "data");
  const policyDir = join(folder, "policies");
  try {
    mkdirSync(dataDir);
    mkdirSync(policyDir);
    await writePolicies(policyDir);
    const { openai } = embedder === "openai" ? parseConfig({ ...process.env, RETICENT_EMBEDDER: embedder }) : {};
    const config = defaultConfig({
      ...(own === undefined ? {} : settingsOf(own)),
      host: "127.0.0.1",
      port: 0,
      dataDir,
      policyDir,
      // One client asks as fast as it can: the limit is not what is measured here.
      rateLimitPerMinute: 1_000_000_000,
      traceRetention: { maxAgeMs: dayMs, maxCount: 10_000_000 },
      logLevel: "silent",
      embedder,
      ...(openai === undefined ? {} : { openai }),
      traceEveryChunk: candidatesFile !== undefined,
      ...(vectorFile === undefined ? {} : { vectorFile }),
    });
    if (own !== undefined) onServers.add(own);
    const service = await startService(config);
    // A new index in Qdrant answers once it was looked through, which an empty one has not to wait for: documents would make it longer.
    await ready(service.url).catch(async (error: unknown) => {
      await service.close();
      throw error;
    });
    const api = new Api(service.url.replace(/\/$/, ""));
    const tokenFor = (tenant: string, user: string, groups: readonly string[], agents: readonly string[] = []) =>
      signToken({ dataDir, tenant, user, groups, agents, ttlS: tokenTtlS, audience: config.audience });
    return {
      api,
      tokensOf: (user, extraGroups = []) =>
        Promise.all(
          user.tokens.map(async ({ tenant, groups }) => ({
            tenant,
            token: await tokenFor(tenant, user.name, [...groups, ...extraGroups], user.agents),
          })),
        ),
      load: (documents, done) =>
        loadDocuments(api, documents, (tenant) => tokenFor(tenant, "reticent-eval-loader", [ownGroups.writers]), done),
      close: async () => {
        try {
          await service.close();
        } finally {
          await remove();
        }
      },
    };
  } catch (error) {
    await remove();
    throw error instanceof UnusableServer ? new ServiceError(error.message, { cause: error }) : error;
  }
}

/** Waits until the service says that questions are answered. @throws ServiceError with what keeps it from that, after half a minute */
async function ready(url: string): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;) {
    const response = await fetch(`${url.replace(/\/$/, "")}/readyz`);
    const said = await response.text();
    if (response.ok) return;
    if (performance.now() > end) throw new ServiceError(`the service is not ready: ${said.slice(0, 300)}`);
    await sleep(25);
  }
}

function settingsOf({ adapters, redis, qdrant }: OwnAdapters): AdapterConfig {
  return { adapters, ...(redis === undefined ? {} : { redis }), ...(qdrant === undefined ? {} : { qdrant }) };
}

async function loadDocuments(
  api: Api,
  documents: readonly MappedDocument[],
  tokenFor: (tenant: string) => Promise<string>,
  done: () => void = () => undefined,
): Promise<Loaded> {
  const tenants = [...new Set(documents.flatMap((document) => document.tenants))];
  const tokens = new Map(await Promise.all(tenants.map(async (tenant) => [tenant, await tokenFor(tenant)] as const)));
  const jobs = documents.flatMap((document) => document.tenants.map((tenant) => ({ document, tenant })));
  const started = performance.now();
  let next = 0;
  let chunks: number | null = 0;
  const worker = async () => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
      const token = tokens.get(job.tenant);
      if (token === undefined) throw new ServiceError(`no token for tenant ${job.tenant}`);
      const added = await api.put(job.document, token);
      chunks = chunks === null || added === undefined ? null : chunks + added;
      done();
    }
  };
  // All of them end before a failure goes on: nothing may be in flight when the instance is closed.
  const ended = await Promise.allSettled(
    Array.from({ length: uploads }, () =>
      worker().catch((error: unknown) => {
        next = jobs.length;
        throw error;
      }),
    ),
  );
  const failure = ended.find((one) => one.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  return { documents: jobs.length, chunks, seconds: (performance.now() - started) / 1000 };
}
