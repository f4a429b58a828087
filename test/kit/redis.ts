import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect } from "vitest";
import { ended, onFreePort, untilReady } from "./own-program.ts";

/** A Redis that tests may use. */
export interface TestRedis {
  /** `redis://host:port`, the same after a restart. */
  readonly url: string;
  /** False for one behind `REDIS_URL`. */
  readonly isOwn: boolean;
  /** Ends the server and erases its files. A server behind `REDIS_URL` is left alone. */
  stop(): Promise<void>;
  /** SIGKILL; the files stay. @throws Error for a server that the tests do not own */
  kill(): Promise<void>;
  /** Starts the server again on the same port and files. @throws Error for a server that the tests do not own */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing is answered, until {@link TestRedis.resume}. */
  pause(): void;
  resume(): void;
}

/** Settings of {@link startRedis}. */
export interface TestRedisOptions {
  /** Directives of redis.conf, over the defaults: `appendonly yes`, `appendfsync always`, `maxmemory-policy noeviction`, no snapshots. */
  readonly config?: Readonly<Record<string, string>>;
  /** True when the test kills, pauses or configures the server: one behind `REDIS_URL` will not do. */
  readonly own?: boolean;
}

const defaults = { appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction", save: "" };

const hasServer = serverIsFound();

/** Whether tests that need a Redis can run here; with `own`, whether they can have one to themselves. */
export function hasRedis({ own = false }: { readonly own?: boolean } = {}): boolean {
  return hasServer || (!own && process.env.REDIS_URL !== undefined);
}

/**
 * A suite that needs a Redis. Without one, a single visible line says that it was skipped; with `CI=true` its absence fails.
 */
export function describeRedis(name: string, suite: () => void, options: { readonly own?: boolean } = {}): void {
  const missing = missingRedis(options);
  const mustRun = process.env.CI === "true";
  const mayRun = missing === undefined || mustRun;
  if (!mayRun) process.stderr.write(`skipped: ${name}: ${missing}\n`);
  describe.skipIf(!mayRun)(`${name}`, () => {
    beforeAll(() => expect(missing).toBeUndefined());
    suite();
  });
}

function missingRedis(options: { readonly own?: boolean }): string | undefined {
  if (hasRedis(options)) return undefined;
  return options.own === true ? "no redis-server on the PATH" : "no redis-server on the PATH and no REDIS_URL";
}

/**
 * Starts a redis-server of the test's own on a free port, with its files in a temporary folder; without one on the PATH, gives the server
 * behind `REDIS_URL`, which may hold other people's keys: never flush it, use names of your own.
 * @returns `undefined` when there is neither, see {@link hasRedis}
 */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis | undefined> {
  const { config = {}, own = options.config !== undefined } = options;
  if (!hasRedis({ own })) return undefined;
  if (!hasServer) return foreign(process.env.REDIS_URL ?? "");
  const folder = mkdtempSync(join(tmpdir(), "reticent-redis-"));
  const directives = Object.entries({ ...defaults, ...config }).flatMap(([name, value]) => [`--${name}`, value]);
  let { port, child } = await onFreePort((free) => startOn(free, folder, directives));
  return {
    url: `redis://127.0.0.1:${port}`,
    isOwn: true,
    async stop() {
      await ended(child, "SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
    kill: () => ended(child, "SIGKILL"),
    async restart() {
      await ended(child, "SIGTERM");
      child = await startOn(port, folder, directives);
    },
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
  };
}

function foreign(url: string): TestRedis {
  const refuse = (): never => {
    throw new Error("this Redis is not the tests' own");
  };
  return {
    url,
    isOwn: false,
    stop: async () => {},
    kill: async () => refuse(),
    restart: async () => refuse(),
    pause: refuse,
    resume: refuse,
  };
}

function serverIsFound(): boolean {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function startOn(port: number, folder: string, directives: readonly string[]): Promise<ChildProcess> {
  const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--daemonize", "no"];
  const child = spawn("redis-server", [...own, ...directives], { stdio: ["ignore", "pipe", "pipe"] });
  return untilReady(child, () => isReady(port));
}

/** Whether the server answers commands: not before it has read its files. */
async function isReady(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write("PING\r\n");
    const [answer] = await once(socket, "data");
    return String(answer).startsWith("+PONG");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
