import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";

// What a service says that cannot start: one line, with the file and what to do.

function folders(): { dataDir: string; policyDir: string } {
  const root = mkdtempSync(join(tmpdir(), "reticent-start-"));
  const policies = policyFolder();
  onTestFinished(() => {
    policies.remove();
    rmSync(root, { recursive: true, force: true });
  });
  return { dataDir: join(root, "data"), policyDir: policies.dir };
}
const start = (where: { dataDir: string; policyDir: string }) =>
  startService(defaultConfig({ embedder: "hashed", port: 0, logLevel: "silent", ...where }));

/** Starts on a data directory that was used and then damaged; the error's text, or that there was none. */
async function startDamaged(damage: (dataDir: string) => void): Promise<{ dataDir: string; message: string }> {
  const where = folders();
  await (await start(where)).close();
  damage(where.dataDir);
  const message = await start(where).then(
    async (service) => {
      await service.close();
      return "it started";
    },
    (error: unknown) => (error instanceof Error ? error.message : "no error"),
  );
  return { dataDir: where.dataDir, message };
}

const garbage = Buffer.alloc(20_000, "no database at all ");

test.for([
  ["a ledger that is no database", "reticent.db", garbage, /not a database.*restore/],
  ["an emptied ledger", "reticent.db", "", /file is empty, although.*restore/],
  ["traces that are no database", "traces.db", garbage, /not a database.*move it away/],
  ["a lock that is no database", "lock.db", garbage, /not a database.*remove it/],
  ["a key file that is none", "issuer-key.json", "garbage", /not an Ed25519 key.*restore it/],
] as const)("%s stops the start with one line that names the file", async ([, name, content, reason]) => {
  const { dataDir, message } = await startDamaged((dir) => {
    for (const left of ["-wal", "-shm"]) rmSync(join(dir, `${name}${left}`), { force: true });
    writeFileSync(join(dir, name), content);
  });
  expect(message).toMatch(reason);
  expect(message).toContain(join(dataDir, name));
  expect(message).not.toContain("\n");
});

test("a ledger that is cut off in the middle stops the start by name", async () => {
  const { dataDir, message } = await startDamaged((dir) => truncateSync(join(dir, "reticent.db"), 8_192));
  expect(message).toContain(join(dataDir, "reticent.db"));
});

test("a key of the wrong length, or whose halves do not belong together, stops the start by name and is not quoted", async () => {
  for (const [member, value] of [
    ["d", "AA"],
    ["x", "AA"],
    ["x", Buffer.alloc(32, 7).toString("base64url")],
  ] as const) {
    const { dataDir, message } = await startDamaged((dir) => {
      const file = join(dir, "issuer-key.json");
      const { keys } = JSON.parse(readFileSync(file, "utf8")) as { keys: Record<string, string>[] };
      writeFileSync(file, JSON.stringify({ keys: keys.map((key) => ({ ...key, [member]: value })) }));
    });
    expect(message).toBe(
      `${join(dataDir, "issuer-key.json")}: not an Ed25519 key of this service; restore it, or remove it: the next start makes a new one`,
    );
  }
});

test("a data directory that cannot be one is a bad setting, by the variable's name", async () => {
  const { dataDir, policyDir } = folders();
  mkdirSync(dataDir);
  const file = join(dataDir, "file");
  writeFileSync(file, "");
  const bad = [file, join(file, "below"), ...(process.platform === "linux" ? ["/proc/reticent/data"] : [])];
  for (const dir of bad) {
    await expect(start({ dataDir: dir, policyDir })).rejects.toMatchObject({
      name: "ConfigError",
      message: expect.stringMatching(/^RETICENT_DATA: .* cannot be used as a data directory: /),
    });
  }
});
