import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AdapterConfig } from "#services/adapter-settings.ts";
import { startService } from "#services/compose.ts";
import { defaultConfig } from "#services/config.ts";
import { closedPort } from "#test/kit/closed-port.ts";
import { policyFolder } from "#test/kit/policy-folder.ts";
import { embedded, openStacks, type Stack } from "#test/kit/stacks.ts";

// What a service says that cannot start: one line, with the file and what to do.

const stacks = await openStacks("what stops a start", ["embedded", "full"]);

function folders(): { dataDir: string; policyDir: string } {
  const root = mkdtempSync(join(tmpdir(), "reticent-start-"));
  const policies = policyFolder();
  onTestFinished(() => {
    policies.remove();
    rmSync(root, { recursive: true, force: true });
  });
  return { dataDir: join(root, "data"), policyDir: policies.dir };
}
type Where = ReturnType<typeof folders>;
const start = (where: Where, adapters: AdapterConfig = { adapters: defaultConfig().adapters }) =>
  startService(defaultConfig({ embedder: "hashed", port: 0, logLevel: "silent", ...where, ...adapters }));

/** What a start says that fails, or that it did not. */
async function refusal(where: Where, adapters?: AdapterConfig): Promise<string> {
  return start(where, adapters).then(
    async (service) => {
      await service.close();
      return "it started";
    },
    (error: unknown) => (error instanceof Error ? error.message : "no error"),
  );
}

/** Starts on a data directory that was used and then damaged; the error's text, or that there was none. */
async function startDamaged(
  stack: Stack,
  damage: (dataDir: string) => void,
): Promise<{ dataDir: string; message: string }> {
  const where = folders();
  const place = stack.place();
  const settings = stack.settings(place);
  await (await start(where, settings)).close();
  damage(where.dataDir);
  const message = await refusal(where, settings);
  await stack.erase(place);
  return { dataDir: where.dataDir, message };
}

const garbage = Buffer.alloc(20_000, "no database at all ");

test.for([
  ["a ledger that is no database", "reticent.db", garbage, /not a database.*restore/],
  ["an emptied ledger", "reticent.db", "", /file is empty, although.*restore/],
  ["traces that are no database", "traces.db", garbage, /not a database.*move it away/],
  ["a lock that is no database", "lock.db", garbage, /not a database.*remove it/],
] as const)("%s stops the start with one line that names the file", async ([, name, content, reason]) => {
  const { dataDir, message } = await startDamaged(embedded, (dir) => {
    for (const left of ["-wal", "-shm"]) rmSync(join(dir, `${name}${left}`), { force: true });
    writeFileSync(join(dir, name), content);
  });
  expect(message).toMatch(reason);
  expect(message).toContain(join(dataDir, name));
  expect(message).not.toContain("\n");
});

test("a ledger that is cut off in the middle stops the start by name", async () => {
  const { dataDir, message } = await startDamaged(embedded, (dir) => truncateSync(join(dir, "reticent.db"), 8_192));
  expect(message).toContain(join(dataDir, "reticent.db"));
});

// Every process has a data directory: the embedded issuer's key lies in it.
describe.for(stacks)("$name", (stack) => {
  test("a key file that is none stops the start with one line that names it", async () => {
    const { dataDir, message } = await startDamaged(stack, (dir) =>
      writeFileSync(join(dir, "issuer-key.json"), "garbage"),
    );
    expect(message).toMatch(/not an Ed25519 key.*restore it/);
    expect(message).toContain(join(dataDir, "issuer-key.json"));
  });

  test("a key of the wrong length, or whose halves do not belong together, stops the start by name and is not quoted", async () => {
    for (const [member, value] of [
      ["d", "AA"],
      ["x", "AA"],
      ["x", Buffer.alloc(32, 7).toString("base64url")],
    ] as const) {
      const { dataDir, message } = await startDamaged(stack, (dir) => {
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
    const place = stack.place();
    mkdirSync(dataDir);
    const file = join(dataDir, "file");
    writeFileSync(file, "");
    const bad = [file, join(file, "below"), ...(process.platform === "linux" ? ["/proc/reticent/data"] : [])];
    for (const dir of bad) {
      await expect(start({ dataDir: dir, policyDir }, stack.settings(place))).rejects.toMatchObject({
        name: "ConfigError",
        message: expect.stringMatching(/^RETICENT_DATA: .* cannot be used as a data directory: /),
      });
    }
    await stack.erase(place);
  });
});

test("an address that somebody else listens on stops the start by the settings' names", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    taken.close();
  });
  const { port } = taken.address() as AddressInfo;
  const { dataDir, policyDir } = folders();
  await expect(
    startService(
      defaultConfig({ embedder: "hashed", dataDir, policyDir, logLevel: "silent", host: "127.0.0.1", port }),
    ),
  ).rejects.toMatchObject({
    name: "ConfigError",
    message: expect.stringMatching(/^RETICENT_HOST, RETICENT_PORT: .*EADDRINUSE/),
  });
});

const common = { queue: "local", traces: "sqlite" } as const;
const qdrantAt = (url: string) => ({ url, namespace: "reticent", exactChunks: 1, isApproximateAllowed: false });

test("a server that is away stops the start with one line that names its setting, and why", async () => {
  const nowhere = `127.0.0.1:${await closedPort()}`;
  const redis = {
    url: `redis://${nowhere}`,
    queueUrl: `redis://${nowhere}`,
    durability: "always",
    namespace: "reticent",
  } as const;
  const qdrant = qdrantAt(`http://${nowhere}`);
  expect(
    await refusal(folders(), { adapters: { ledger: "redis", index: "qdrant", ...common }, redis, qdrant }),
  ).toMatch(/^RETICENT_REDIS_URL \([^ ]+\): ledger-unavailable: [^\n]*ECONNREFUSED[^\n]*$/);
  expect(await refusal(folders(), { adapters: { ledger: "sqlite", index: "qdrant", ...common }, qdrant })).toMatch(
    /^RETICENT_QDRANT_URL \([^ ]+\): index-unavailable: [^\n]*ECONNREFUSED[^\n]*$/,
  );
});

test("a Qdrant that is too old stops the start with one line that says which is needed", async () => {
  const old = createServer((_request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ title: "qdrant - vector search engine", version: "1.18.2" }));
  });
  await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    old.close();
  });
  const qdrant = qdrantAt(`http://127.0.0.1:${(old.address() as AddressInfo).port}`);
  expect(await refusal(folders(), { adapters: { ledger: "sqlite", index: "qdrant", ...common }, qdrant })).toMatch(
    /^RETICENT_QDRANT_URL \([^ ]+\): index-unavailable: [^\n]*Qdrant "1\.18\.2"; at least 1\.19 is needed$/,
  );
});
