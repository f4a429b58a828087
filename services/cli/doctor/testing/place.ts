import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { signToken } from "#adapters/identity-jose/embedded.ts";
import { startService } from "#services/compose.ts";
import { parseConfig } from "#services/config.ts";
import type { RunningService } from "#services/process/serve.ts";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";

/** A test of a policy folder that {@link testPolicy} passes. */
export const policyTest = `tests:
  - name: guests are kept out of secrets
    caller: { tenant: one, user: gus, groups: [guests] }
    may_read: [open]
    may_not_read:
      - { source: open, labels: [secret] }
`;
/** A policy folder about which the doctor has nothing to say. */
export const policyWithTest: Readonly<Record<string, string>> = { ...testPolicy, "tests/one.yaml": policyTest };

/** A place for an embedded deployment, removed with the test. Its data directory is not made yet. */
export function place(policy: Readonly<Record<string, string>> = policyWithTest) {
  const root = mkdtempSync(join(tmpdir(), "reticent-doctor-"));
  const policies = policyFolder(policy);
  onTestFinished(() => {
    policies.remove();
    rmSync(root, { recursive: true, force: true });
  });
  const dataDir = join(root, "data");
  const env: Readonly<Record<string, string>> = {
    RETICENT_DATA: dataDir,
    RETICENT_POLICIES: policies.dir,
    RETICENT_EMBEDDER: "hashed",
    RETICENT_PORT: "0",
    RETICENT_LOG_LEVEL: "silent",
  };
  return { root, dataDir, policyDir: policies.dir, env };
}

/** Starts a service, which ends with the test at the latest. */
export async function started(env: Readonly<Record<string, string>>): Promise<RunningService> {
  const service = await startService(parseConfig(env));
  onTestFinished(() => service.close());
  return service;
}

/** Headers of somebody who writes and administers tenant `one`. */
export async function writerHeaders(dataDir: string): Promise<Readonly<Record<string, string>>> {
  const claims = { tenant: "one", user: "wendy", groups: ["writers"], agents: [], ttlS: 600, audience: "reticent" };
  return { authorization: `Bearer ${await signToken({ dataDir, ...claims })}` };
}

/** Sends a document that everybody of the tenant may read, and waits until it is searchable. @returns the status */
export async function putDocument(url: string, dataDir: string, id: string, body: string): Promise<number> {
  const response = await fetch(`${url}/v1/documents/open/${id}?wait=true`, {
    method: "PUT",
    headers: { ...(await writerHeaders(dataDir)), "content-type": "application/json" },
    body: JSON.stringify({
      version: 1,
      title: id,
      content_type: "text/plain",
      body,
      acl: [{ access_type: "grant", type: "everyone" }],
    }),
  });
  return response.status;
}

/** A port that takes connections and never says anything, until the test is over. */
export async function hangingPort(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
