import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect } from "vitest";

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
  let { port, child } = await startOnFreePort(folder, directives);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    child.kill("SIGCONT");
    await ended;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    isOwn: true,
    async stop() {
      await end("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
    kill: () => end("SIGKILL"),
    async restart() {
      await end("SIGTERM");
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

async function startOnFreePort(
  folder: string,
  directives: readonly string[],
): Promise<{ port: number; child: ChildProcess }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return { port, child: await startOn(port, folder, directives) };
    } catch (error) {
      // Another process may have taken the port in between.
      if (attempt === 3) throw error;
    }
  }
}

async function startOn(port: number, folder: string, directives: readonly string[]): Promise<ChildProcess> {
  const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--daemonize", "no"];
  const child = spawn("redis-server", [...own, ...directives], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes: Buffer) => {
      output = `${output}${bytes.toString()}`.slice(-4_000);
    });
  }
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`redis-server ended at once:\n${output}`);
    if (await isReady(port)) return child;
    await sleep(10);
  }
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}
