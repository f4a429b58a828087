import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { policyFolder, testPolicy } from "#test/kit/policy-folder.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

/** So many mistakes that a pipe without a reader must break before the last one is printed. */
const broken = policyFolder({
  ...testPolicy,
  "policy.csv": "p, group:nobody, one, source:open, read, denny\n".repeat(3_000),
});
const good = policyFolder();
afterAll(() => {
  broken.remove();
  good.remove();
});

/** Runs the command line with nobody who reads its output. */
function runUnread(args: readonly string[]): Promise<{ code: number | null; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let err = "";
    child.stderr.on("data", (text) => {
      err += String(text);
    });
    child.stdout.destroy();
    child.on("close", (code) => resolve({ code, err }));
  });
}

/** Runs the command line with its output into a file descriptor. */
function runInto(descriptor: number, args: readonly string[]) {
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], {
    stdio: ["ignore", descriptor, "pipe"],
    encoding: "utf8",
  });
  return { status, stderr };
}

test("a reader that goes away changes nothing of the exit code", async () => {
  expect(await runUnread(["policy", "check", broken.dir])).toEqual({ code: 2, err: "" });
  expect(await runUnread(["policy", "check", good.dir])).toEqual({ code: 0, err: "" });
});

test("output that cannot be written is told in one line and is no success", () => {
  // A descriptor that was opened for reading only refuses every write, on every system; a full device is only on some.
  const places = [{ descriptor: openSync(main, "r"), why: "EBADF" }];
  if (existsSync("/dev/full")) places.push({ descriptor: openSync("/dev/full", "w"), why: "ENOSPC" });
  for (const { descriptor, why } of places) {
    const { status, stderr } = runInto(descriptor, ["--help"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^reticent: the output cannot be written: ${why}.*\\n$`));
    // A worse exit code of the command's own is kept.
    expect(runInto(descriptor, ["policy", "check", broken.dir]).status).toBe(2);
    closeSync(descriptor);
  }
});
