import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { serverFor, startService } from "#services/compose.ts";
import { defaultConfig, type ServiceConfig } from "#services/config.ts";
import { openPorts } from "#services/ports/open-ports.ts";
import type { Ports } from "#services/ports/ports.ts";
import { serve } from "#services/process/serve.ts";
import { policyFolder, testPolicy } from "./policy-folder.ts";

/** An answer as a client sees it. */
export interface Reply {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A whole service over HTTP, in this process, and what its callers do. */
export interface FailingService {
  readonly url: string;
  token(user: string, groups: readonly string[]): Promise<string>;
  /** Lines of its log. */
  readonly log: readonly string[];
  call(
    user: string,
    groups: readonly string[],
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Reply>;
  put(id: string, text: string, options?: { readonly version?: number; readonly wait?: boolean }): Promise<Reply>;
  /** @param signal for a client that goes away */
  ask(query: string, options?: object, signal?: AbortSignal): Promise<Reply>;
  close(): Promise<void>;
}

/** The test policy with a floor for the endpoint's model, one who may do everything, and one who may judge. */
const files = {
  ...testPolicy,
  "trust.yaml": `${testPolicy["trust.yaml"]}  openai/hashed: { floor: 0.02, threshold: 0.2, origin: chosen for tests }\n`,
};

/** Somebody who may write and administer. */
const writers = ["writers"];
/** Somebody who may read. */
const guests = ["guests"];

/** A document that everybody of the tenant may read. */
export const pageOf = (id: string, text: string, version = 1) => ({
  version,
  title: id,
  content_type: "text/plain",
  body: text,
  acl: [{ access_type: "grant", type: "everyone" }],
});

/**
 * Starts a service on a data directory of its own.
 * @param around changes its ports before they are used
 */
export async function failingService(
  overrides: Partial<ServiceConfig> = {},
  around?: (ports: Ports) => Ports,
): Promise<FailingService> {
  const policy = policyFolder(files);
  const dataDir = await mkdtemp(join(tmpdir(), "reticent-failing-"));
  const log: string[] = [];
  const config = defaultConfig({
    embedder: "hashed",
    port: 0,
    dataDir,
    policyDir: policy.dir,
    logLevel: "warn",
    sweepMs: 200,
    rateLimitPerMinute: 1_000_000,
    ...overrides,
  });
  const stream = { write: (line: string) => void log.push(line) };
  const clean = async () => {
    policy.remove();
    await rm(dataDir, { recursive: true, force: true });
  };
  const start = async () => {
    if (around === undefined) return startService(config, stream);
    return serve(around(await openPorts(config, () => {})), config, serverFor(config, stream));
  };
  const service = await start().catch(async (error: unknown) => {
    await clean();
    throw error;
  });
  const token: FailingService["token"] = (user, groups) =>
    signToken({ dataDir, tenant: "one", user, groups: [...groups], agents: [], ttlS: 600, audience: "reticent" });
  const call: FailingService["call"] = async (user, groups, method, path, body, signal) => {
    const bearer = await token(user, groups);
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${bearer}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      body: (await response.json()) as Reply["body"],
    };
  };
  return {
    url: service.url,
    token,
    log,
    call,
    put: (id, text, { version = 1, wait = false } = {}) =>
      call("wendy", writers, "PUT", `/v1/documents/open/${id}${wait ? "?wait=true" : ""}`, pageOf(id, text, version)),
    ask: (query, options = {}, signal) => call("gwen", guests, "POST", "/v1/retrieve", { query, ...options }, signal),
    async close() {
      await service.close();
      await clean();
    },
  };
}
