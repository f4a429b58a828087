import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { lockDataDirectory } from "#adapters/sqlite/lock.ts";

// The processes between a person and the service: npm, its shell, the launcher. None of them may leave a service behind.

const launcher = fileURLToPath(new URL("../../bin/reticent.js", import.meta.url));

/** Starts a service through a command and waits until it listens. */
async function start(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const dataDir = join(mkdtempSync(join(tmpdir(), "reticent-launch-")), "data");
  const outer: ChildProcess = spawn(command, args, {
    env: { ...process.env, RETICENT_DATA: dataDir, RETICENT_PORT: "0", RETICENT_LOG_LEVEL: "info", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // The streams are the service's own as well: they end when the last of all these processes does.
  const gone = once(outer, "close");
  let log = "";
  const listening = Promise.withResolvers<void>();
  for (const stream of [outer.stdout, outer.stderr]) {
    stream?.on("data", (bytes: Buffer) => {
      log += bytes.toString();
      if (log.includes("reticent: listening on")) listening.resolve();
    });
  }
  gone.then(() => listening.reject(new Error(`it did not start: ${log}`)));
  onTestFinished(() => {
    // Only when the promise was broken: the service writes its own number into the log.
    const pid = Number(/"pid":(\d+)/.exec(log)?.[1]);
    if (outer.exitCode === null && outer.signalCode === null) outer.kill("SIGKILL");
    if (!log.includes("finishing") && pid > 0) process.kill(pid, "SIGKILL");
    rmSync(join(dataDir, ".."), { recursive: true, force: true });
  });
  await listening.promise;
  return { outer, gone, dataDir, log: () => log };
}

test.skipIf(process.platform === "win32").for(["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"] as const)(
  "when the launcher gets %s, the service finishes and ends",
  async (signal) => {
    const { outer, gone, dataDir, log } = await start(process.execPath, [launcher, "serve"]);
    outer.kill(signal);
    expect(await gone).toEqual(signal === "SIGKILL" ? [null, "SIGKILL"] : [0, null]);
    expect(log()).toContain("finishing what was acknowledged");
    lockDataDirectory(dataDir).release();
  },
);

test.skipIf(process.platform === "win32")(
  "when the shell that npm put in between is ended, which tells nobody below it, the service finishes and ends",
  async () => {
    const script = `"${process.execPath}" "${launcher}" serve; true`;
    const { outer, gone, dataDir, log } = await start("sh", ["-c", script], { npm_lifecycle_event: "start" });
    outer.kill("SIGTERM");
    await gone;
    expect(log()).toContain("finishing what was acknowledged");
    lockDataDirectory(dataDir).release();
  },
);
