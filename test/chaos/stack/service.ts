import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Call, HttpClient, type Reply } from "./http.ts";

/** How a process is started. */
export interface ServiceOptions {
  /** Unique, e.g. `worker-2`. */
  readonly name: string;
  /** Program and arguments behind `node`. */
  readonly args: readonly string[];
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Where its output goes. */
  readonly logFile: string;
  /** Told of an end that nobody asked for, after the process had been listening. */
  readonly onCollapse: (name: string, code: string) => void;
}

/** Wait before a process that ended is started again, as a supervisor does, ms. */
const restartMs = 100;
/** The same for one that could not even start, because a server that it needs is away, ms. */
const startAgainMs = 500;

/** One real process of the deployment, started again whenever it ends. */
export class Service {
  readonly name: string;
  readonly #options: ServiceOptions;
  readonly #client: HttpClient;
  readonly #log: WriteStream;
  #child: ChildProcess | undefined;
  #isListening = false;
  #isKilled = false;
  #isStopped = false;
  #epoch = 0;

  constructor(options: ServiceOptions) {
    this.name = options.name;
    this.#options = options;
    this.#client = new HttpClient(options.port);
    this.#log = createWriteStream(options.logFile, { flags: "a" });
  }

  /** Counts the ends of this process; a connection may break only when it moves. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether it listens and nobody has killed it. */
  get isUp(): boolean {
    return this.#isListening;
  }

  start(): void {
    const { args, env } = this.#options;
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
      env: { PATH: process.env.PATH ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#isKilled = false;
    const endWithUs = (): void => void child.kill("SIGKILL");
    process.once("exit", endWithUs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (bytes: Buffer) => {
        this.#log.write(bytes);
        if (bytes.includes("reticent: listening on")) this.#isListening = true;
      });
    }
    child.once("exit", (code, signal) => {
      process.off("exit", endWithUs);
      const wasListening = this.#isListening;
      this.#down();
      if (this.#isStopped) return;
      if (wasListening && !this.#isKilled) this.#options.onCollapse(this.name, `${code ?? signal}`);
      setTimeout(() => !this.#isStopped && this.start(), wasListening || this.#isKilled ? restartMs : startAgainMs);
    });
  }

  /** SIGKILL. */
  kill(): void {
    this.#isKilled = true;
    this.#down();
    this.#child?.kill("SIGKILL");
  }

  /** SIGSTOP for a while. */
  async stall(ms: number): Promise<void> {
    const child = this.#child;
    child?.kill("SIGSTOP");
    await sleep(ms, undefined, { ref: false });
    child?.kill("SIGCONT");
  }

  /** Resolves when it listens. */
  async up(): Promise<void> {
    while (!this.#isListening) await sleep(20);
  }

  send(call: Call): Promise<Reply> {
    return this.#client.send(call);
  }

  /** Ends it for good: with a signal that it may answer, and after a while without. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#client.close();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGCONT");
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(timer);
    }
    this.#log.end();
  }

  #down(): void {
    if (!this.#isListening) return;
    this.#isListening = false;
    this.#epoch += 1;
  }
}
