import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { closedPort } from "./closed-port.ts";

/** What is kept of a program's output, for the error when it ends at once. */
const outputKept = 4_000;
/** How often a start is tried on another port. */
const tries = 3;

/**
 * Starts a server on a port that is free, and on another one when a program of somebody else was faster.
 * @param start rejects when the server does not come up there
 */
export async function onFreePort(
  start: (port: number) => Promise<ChildProcess>,
): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await closedPort();
    try {
      return { port, child: await start(port) };
    } catch (error) {
      if (attempt === tries) throw error;
    }
  }
}

/**
 * Waits until a program that was just started can be used. It ends with this process.
 * @throws Error with what it said when it ends before that
 */
export async function untilReady(child: ChildProcess, isReady: () => Promise<boolean>): Promise<ChildProcess> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (bytes: Buffer) => {
      output = `${output}${bytes.toString()}`.slice(-outputKept);
    });
  }
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  while (!(await isReady())) {
    if (hasEnded(child)) break;
    await sleep(10);
  }
  if (hasEnded(child)) throw new Error(`${child.spawnfile} ended at once:\n${output}`);
  return child;
}

/** Sends a signal, also to a program that was paused, and waits for the end; at once for one that has ended. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const end = once(child, "exit");
  child.kill(signal);
  child.kill("SIGCONT");
  await end;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;
