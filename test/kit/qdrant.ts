import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sizeProbe } from "#adapters/index-qdrant/terms.ts";
import { closedPort } from "./closed-port.ts";
import { ended, onFreePort, untilReady } from "./own-program.ts";

/** A Qdrant that tests may use. */
export interface TestQdrant {
  readonly url: string;
  /** False for a server behind `QDRANT_URL`, which may hold other people's collections. */
  readonly isOwn: boolean;
  /** Where a server of the tests' own keeps its files. */
  readonly folder?: string;
  /** Process id of a server of the tests' own; another one after a restart. */
  readonly pid?: () => number;
  /** Ends a server of the tests' own and erases its files. */
  stop(): Promise<void>;
  /** SIGKILL; the files stay. @throws Error for a server that the tests do not own */
  kill(): Promise<void>;
  /** Starts the server again on the same port and files. @throws Error for a server that the tests do not own */
  restart(): Promise<void>;
}

/**
 * The server behind `QDRANT_URL` when it answers, or one of the tests' own, of the program that `QDRANT_BINARY` names or that is on the PATH.
 * @param own true when the test kills it: one behind `QDRANT_URL` will not do
 * @returns `undefined` when there is none
 */
export async function startQdrant({ own = false } = {}): Promise<TestQdrant | undefined> {
  const url = process.env.QDRANT_URL;
  if (!own && url !== undefined && (await isReady(url))) return foreign(url);
  const program = programFound();
  return program === undefined ? undefined : ownServer(program);
}

/**
 * One visible line where a suite cannot run: no package brings the server, so that a bare machine has none. A failure where one was promised
 * by `QDRANT_URL` or `QDRANT_BINARY`, as in the workflow.
 */
export function sayMissing(suite: string): void {
  const line = `skipped: ${suite}: no server answers at QDRANT_URL, and there is no program qdrant on the PATH or in QDRANT_BINARY`;
  const isPromised = [process.env.QDRANT_URL, process.env.QDRANT_BINARY].some((one) => (one ?? "") !== "");
  if (isPromised) throw new Error(line);
  process.stderr.write(`${line}\n`);
}

/** A prefix of collections that no other test has. */
export const freshPrefix = (): string => `test-${randomBytes(6).toString("hex")}`;

/** Removes all collections with a prefix. */
export async function dropCollections(url: string, prefix: string): Promise<void> {
  for (const name of await collectionsOf(url, prefix)) await fetch(`${url}/collections/${name}`, { method: "DELETE" });
}

/** Erases all points of the collections with a prefix. @throws Error when the server does not say that it has */
export async function emptyCollections(url: string, prefix: string): Promise<void> {
  for (const name of await collectionsOf(url, prefix)) {
    const answer = await fetch(`${url}/collections/${name}/points/delete?wait=true`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ filter: { must_not: [{ has_id: [sizeProbe.id] }] } }),
    });
    if (!answer.ok) throw new Error(`${name} could not be emptied: ${await answer.text()}`);
    // As new for whoever comes next, with another ledger.
    const forgotten = await fetch(`${url}/collections/${name}`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ metadata: { ledger: null, filled: null } }),
    });
    if (!forgotten.ok) throw new Error(`${name} could not be made as new: ${await forgotten.text()}`);
  }
}

async function collectionsOf(url: string, prefix: string): Promise<readonly string[]> {
  const answer = (await (await fetch(`${url}/collections`)).json()) as {
    result: { collections: { name: string }[] };
  };
  return answer.result.collections.map(({ name }) => name).filter((name) => name.startsWith(prefix));
}

async function ownServer(program: string): Promise<TestQdrant> {
  const folder = mkdtempSync(join(tmpdir(), "reticent-qdrant-"));
  let { port, child } = await onFreePort((free) => startOn(program, free, folder));
  return {
    url: `http://127.0.0.1:${port}`,
    isOwn: true,
    folder,
    pid: () => child.pid ?? 0,
    async stop() {
      await ended(child, "SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
    kill: () => ended(child, "SIGKILL"),
    async restart() {
      await ended(child, "SIGTERM");
      child = await startOn(program, port, folder);
    },
  };
}

function foreign(url: string): TestQdrant {
  const refuse = async (): Promise<never> => {
    throw new Error("this Qdrant is not the tests' own");
  };
  return { url, isOwn: false, stop: async () => {}, kill: refuse, restart: refuse };
}

function programFound(): string | undefined {
  const program = process.env.QDRANT_BINARY ?? "qdrant";
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return program;
  } catch {
    return undefined;
  }
}

async function startOn(program: string, port: number, folder: string): Promise<ChildProcess> {
  const child = spawn(program, ["--disable-telemetry"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      QDRANT__SERVICE__HOST: "127.0.0.1",
      QDRANT__SERVICE__HTTP_PORT: String(port),
      QDRANT__SERVICE__GRPC_PORT: String(await closedPort()),
      QDRANT__STORAGE__STORAGE_PATH: join(folder, "storage"),
      QDRANT__STORAGE__SNAPSHOTS_PATH: join(folder, "snapshots"),
      QDRANT__TELEMETRY_DISABLED: "true",
      QDRANT__LOG_LEVEL: "WARN",
    },
  });
  return untilReady(child, () => isReady(`http://127.0.0.1:${port}`));
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
