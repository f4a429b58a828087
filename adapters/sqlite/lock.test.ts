import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { DataDirectoryInUse, isDirectoryInUse, lockDataDirectory } from "./lock.ts";

const folders: string[] = [];
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "reticent-lock-"));
  folders.push(made);
  return made;
}

test("a data directory has one owner, and is free again after its release", () => {
  const dir = join(folder(), "data");
  const lock = lockDataDirectory(dir);
  expect(() => lockDataDirectory(dir)).toThrow(DataDirectoryInUse);
  lock.release();
  lock.release();
  lockDataDirectory(dir).release();
});

test("whether a directory is in use is seen without taking it, and without making anything in it", () => {
  const dir = folder();
  expect(isDirectoryInUse(dir)).toBe(false);
  expect(readdirSync(dir)).toEqual([]);
  const lock = lockDataDirectory(dir);
  const files = readdirSync(dir);
  expect(isDirectoryInUse(dir)).toBe(true);
  lock.release();
  const before = readdirSync(dir);
  expect(isDirectoryInUse(dir)).toBe(false);
  expect([files, readdirSync(dir)]).toEqual([expect.arrayContaining(["lock.db"]), before]);
});

test.skipIf(process.platform === "win32")(
  "a data directory is readable to its owner only, also one that was there before",
  () => {
    const dir = folder();
    lockDataDirectory(dir).release();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  },
);

test("a second process is refused with one line that names the directory, and a killed owner leaves no lock behind", async () => {
  const dir = join(folder(), "data");
  const program = `
    const { lockDataDirectory } = await import(${JSON.stringify(new URL("./lock.ts", import.meta.url).href)});
    lockDataDirectory(${JSON.stringify(dir)});
    process.stdout.write("held");
    setInterval(() => {}, 1_000);
  `;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(owner.stdout, "data");
    expect(() => lockDataDirectory(dir)).toThrow(
      `the data directory ${dir} is in use by another process: stop it first, or choose another directory`,
    );
  } finally {
    owner.kill("SIGKILL");
    await once(owner, "exit");
  }
  lockDataDirectory(dir).release();
});
