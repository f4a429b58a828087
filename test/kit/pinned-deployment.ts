import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { chunkIdOf } from "#core/ingest/chunk-id.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { IndexQuery } from "#core/ports/index.ts";
import { serverFor } from "#services/compose.ts";
import { defaultConfig, type ServiceConfig } from "#services/config.ts";
import { openPorts } from "#services/ports/open-ports.ts";
import type { Ports } from "#services/ports/ports.ts";
import { type RunningService, serve } from "#services/process/serve.ts";
import { policyFolder } from "./policy-folder.ts";
import { replacing } from "./replacing.ts";
import type { Stack } from "./stacks.ts";
import { until } from "./until.ts";
import { everyone } from "./world.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** What a service says of its encoders. */
export interface EmbeddingStatus {
  readonly active_fingerprint: string;
  readonly encoders: readonly { fingerprint: string; missing: number; probes: { state: string } }[];
}

/** A data directory, and a service on it that is started again and again with other encoders. */
export async function pinnedDeployment(stack: Stack, overrides: Partial<ServiceConfig> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), "reticent-pinned-"));
  closers.push(() => rm(dataDir, { recursive: true, force: true }));
  const folder = policyFolder();
  closers.push(() => folder.remove());
  const place = stack.place();
  closers.push(() => stack.erase(place));
  const config = defaultConfig({
    ...stack.settings(place),
    embedder: "hashed",
    port: 0,
    dataDir,
    policyDir: folder.dir,
    logLevel: "silent",
    sweepMs: 25,
    graceMs: 0,
    ...overrides,
  });
  let ports: Ports | undefined;
  let service: RunningService | undefined;
  const searched: Pick<IndexQuery, "fingerprint" | "vector">[] = [];
  const stop = async () => {
    await service?.close();
    service = undefined;
  };
  closers.push(stop);

  const call = async (user: string, group: string, method: string, path: string, body?: unknown) => {
    const token = await signToken({
      dataDir,
      tenant: "one",
      user,
      groups: [group],
      agents: [],
      ttlS: 600,
      audience: "reticent",
    });
    const response = await fetch(`${service?.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as object };
  };

  const house = {
    searched,
    call,
    /** Starts again; without encoders, those that the settings name. */
    async start(configured?: Embedder, previous?: Embedder, settings: Partial<ServiceConfig> = {}) {
      await stop();
      ports = await openPorts({ ...config, ...settings }, () => {});
      const { index: inner } = ports;
      const index = replacing(inner, {
        search: (query) => {
          searched.push(query);
          return inner.search(query);
        },
      });
      const { previousEmbedder: own, ...others } = ports;
      const before = configured === undefined ? own : previous;
      service = await serve(
        {
          ...others,
          index,
          embedder: configured ?? ports.embedder,
          ...(before === undefined ? {} : { previousEmbedder: before }),
        },
        config,
        serverFor(config),
      );
    },
    put: (id: string, body: string, version = 1, wait = true) =>
      call("wendy", "writers", "PUT", `/v1/documents/open/${id}${wait ? "?wait=true" : ""}`, {
        version,
        title: id,
        content_type: "text/plain",
        body,
        acl: [everyone],
      }),
    ask: async (query: string) => {
      const { status, body } = await call("gwen", "guests", "POST", "/v1/retrieve", { query });
      return {
        status,
        body: body as { outcome?: string; code?: string; versions?: { index: string }; passages?: object[] },
      };
    },
    async live(id: string) {
      const [record] = (await ports?.ledger.read([{ tenant: "one", source: "open", id }])) ?? [];
      return record?.live ?? {};
    },
    /** The document's first chunk in the index of a fingerprint. */
    async stored(id: string, fingerprint: string): Promise<boolean> {
      const chunkId = chunkIdOf({ tenant: "one", source: "open", id }, 1, 0);
      return ((await ports?.index.texts([chunkId], fingerprint))?.size ?? 0) > 0;
    },
    async status(): Promise<EmbeddingStatus> {
      return ((await call("wendy", "writers", "GET", "/v1/status")).body as { embedding: EmbeddingStatus }).embedding;
    },
    ready: () => call("gwen", "guests", "GET", "/readyz"),
    until,
  };
  return house;
}
