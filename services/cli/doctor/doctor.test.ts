import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startService } from "#services/compose.ts";
import { parseConfig } from "#services/config.ts";
import { testPolicy } from "#test/kit/policy-folder.ts";
import { capturedTerminal } from "#test/kit/terminal.ts";
import { run } from "./doctor.ts";
import { look } from "./testing/look.ts";
import { hangingPort, place, policyTest, putDocument, started } from "./testing/place.ts";

// The doctor on an embedded deployment: everything in one process, its files in one directory.

/** Names, sizes and modes; bytes only where nobody has the files open in this process. */
function listing(dir: string, withBytes: boolean): unknown {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((name) => {
      const stat = statSync(join(dir, name));
      const bytes = withBytes && stat.isFile() ? readFileSync(join(dir, name)).toString("base64") : "";
      return [name, stat.size, stat.mode, withBytes ? stat.mtimeMs : 0, bytes];
    });
}

test("a deployment that never started: nothing failed, the directory is missing, and nothing is made", async () => {
  const { env, root } = place();
  const before = listing(root, true);
  const report = await look(env);
  expect(report.code).toBe(0);
  expect(report.named("failed")).toEqual([]);
  expect(report.named("warning")).toEqual(["calibration", "data-directory"]);
  expect(report.line("ledger-file")).toMatchObject({
    status: "skipped",
    finding: "not asked, because of data-directory",
  });
  expect(listing(root, true)).toEqual(before);
});

test("a data directory of nothing is ready for the first start", async () => {
  const { env, dataDir } = place();
  mkdirSync(dataDir, { mode: 0o700 });
  const report = await look(env);
  expect(report).toMatchObject({ code: 0 });
  expect(report.named("warning")).toEqual(["calibration"]);
  expect(report.line("ledger-file").finding).toContain("made by the first start");
  expect(readdirSync(dataDir)).toEqual([]);
});

test("a service that runs, and then does not, is looked at without a change to its files", async () => {
  const { env, dataDir } = place();
  const service = await started(env);
  expect(await putDocument(service.url, dataDir, "lamp", "The lamp of the lighthouse burns amber")).toBe(200);
  const running = listing(dataDir, false);
  const first = await look(env, ["--url", service.url]);
  expect(first).toMatchObject({ code: 0 });
  expect(first.named("failed")).toEqual([]);
  expect(first.named("warning")).toEqual(["calibration"]);
  expect(first.line("data-directory").finding).toContain("a service runs on it");
  expect(first.line("documents").finding).toBe("1 document, deleted ones included; 0 to be indexed, 0 failed");
  expect(first.line("probe-vectors").finding).toContain("12 vectors as stored");
  expect(first.line("service-ready").status).toBe("ok");
  expect(listing(dataDir, false)).toEqual(running);
  // The lock was not given away.
  expect(await putDocument(service.url, dataDir, "mast", "The mast of the ship is made of larch")).toBe(200);
  await expect(startService(parseConfig(env))).rejects.toMatchObject({ name: "DataDirectoryInUse" });

  await service.close();
  const closed = listing(dataDir, true);
  const second = await look(env, ["--url", service.url]);
  expect(second.code).toBe(1);
  expect(second.named("failed")).toEqual(["service-health"]);
  expect(second.line("data-directory").finding).toContain("no service runs on it");
  expect(second.line("documents").finding).toContain("2 documents");
  expect(listing(dataDir, true)).toEqual(closed);
});

test("a broken policy is told by file and line, and nothing else is hidden by it", async () => {
  const { env, policyDir } = place({
    ...testPolicy,
    "policy.csv": `${testPolicy["policy.csv"]}p, group:guests, one, source:open, read, denny\n`,
  });
  const report = await look(env);
  expect(report.code).toBe(1);
  expect(report.named("failed")).toEqual(["policy-folder"]);
  expect(report.line("policy-folder").finding).toContain(`${policyDir} cannot be used: policy.csv:23`);
  expect(report.line("encoder").status).toBe("ok");
  expect(report.named("skipped")).toEqual(
    expect.arrayContaining(["policy-tests", "policy-labels", "encoder-floor", "calibration", "policy-revision"]),
  );
});

test("a policy whose own test fails, one without tests, a label that denies nobody, and a model without a floor are each told", async () => {
  const failing = await look(
    place({ ...testPolicy, "tests/one.yaml": policyTest.replace("may_read: [open]", "may_read: [closed]") }).env,
  );
  expect(failing.named("failed")).toEqual(["policy-tests"]);
  expect(failing.line("policy-folder").status).toBe("ok");
  const untested = await look(
    place({ ...testPolicy, "labels.yaml": `${testPolicy["labels.yaml"]}  idle: for nobody\n` }).env,
  );
  expect(untested.code).toBe(0);
  expect(untested.named("warning")).toEqual(expect.arrayContaining(["policy-tests", "policy-labels"]));
  expect(untested.line("policy-labels").finding).toContain("idle");
  const trust = testPolicy["trust.yaml"]?.replace(/.*hashed-384.*\n/, "") ?? "";
  const floorless = await look(place({ ...testPolicy, "tests/one.yaml": policyTest, "trust.yaml": trust }).env);
  expect(floorless.named("failed")).toEqual(["encoder-floor"]);
});

test("files that cannot be used are each told by name, all of them in one run", async () => {
  const { env, dataDir } = place();
  await (await started(env)).close();
  for (const name of ["reticent.db", "traces.db", "lock.db", "issuer-key.json"]) {
    writeFileSync(join(dataDir, name), "no database at all, and no key ".repeat(500));
  }
  const report = await look(env);
  expect(report.code).toBe(1);
  expect(report.named("failed").toSorted()).toEqual(["data-directory", "ledger-file", "token-keys", "trace-file"]);
  for (const [line, file] of [
    ["ledger-file", "reticent.db"],
    ["trace-file", "traces.db"],
    ["token-keys", "issuer-key.json"],
  ] as const) {
    expect(report.line(line).finding).toContain(join(dataDir, file));
  }
  expect(report.text).not.toContain("no key no database");
});

test("an emptied ledger, and one of another version, are refused as the service refuses them", async () => {
  const { env, dataDir } = place();
  await (await started(env)).close();
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(join(dataDir, "reticent.db"));
  database.exec("UPDATE components SET version = 77 WHERE name = 'ledger'; PRAGMA user_version = 5");
  database.close();
  expect((await look(env)).line("ledger-file")).toMatchObject({
    status: "failed",
    finding: expect.stringContaining('version 77 of "ledger"'),
  });
  for (const ending of ["", "-wal", "-shm"]) rmSync(join(dataDir, `reticent.db${ending}`), { force: true });
  writeFileSync(join(dataDir, "reticent.db"), "");
  expect((await look(env)).line("ledger-file").finding).toContain(
    "the file is empty, although the directory was in use",
  );
});

test("documents that were indexed by another encoder, and by one whose vectors moved", async () => {
  const { env, dataDir } = place();
  const service = await started(env);
  await putDocument(service.url, dataDir, "lamp", "The lamp of the lighthouse burns amber");
  await service.close();
  const other = await look({ ...env, RETICENT_EMBEDDER: "minilm" });
  expect(other.named("failed")).toEqual(["active-fingerprint"]);
  expect(other.line("active-fingerprint").finding).toContain("1 document missing");
  const changing = await look({ ...env, RETICENT_EMBEDDER: "minilm", RETICENT_EMBEDDER_PREVIOUS: "hashed" });
  expect(changing.named("failed")).toEqual([]);
  expect(changing.line("active-fingerprint").status).toBe("warning");
  expect(changing.line("probe-vectors-previous").status).toBe("ok");

  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(join(dataDir, "reticent.db"));
  database.exec("UPDATE probes SET vector = (SELECT vector FROM probes ORDER BY probe DESC LIMIT 1)");
  database.close();
  const drifted = await look(env);
  expect(drifted.named("failed")).toEqual(["probe-vectors"]);
  expect(drifted.line("probe-vectors").finding).toContain("at most 0.001 is rounding");
});

test.skipIf(process.platform === "win32")("a directory or key that others may read is told", async () => {
  const { env, dataDir } = place();
  await (await started(env)).close();
  chmodSync(dataDir, 0o755);
  chmodSync(join(dataDir, "issuer-key.json"), 0o644);
  const report = await look(env);
  expect(report.code).toBe(0);
  expect(report.named("warning")).toEqual(["token-keys", "calibration", "data-directory"]);
});

test("bad settings are a line each, with exit code 2, and what does not depend on them is still looked at", async () => {
  const { env } = place();
  const report = await look({
    ...env,
    RETICENT_PORT: "many",
    RETICENT_COLOUR: "red",
    RETICENT_QUEUE: "carrier-pigeon",
  });
  expect(report.code).toBe(2);
  const settings = report.lines.filter(({ name }) => name === "settings");
  expect(settings.map(({ status, finding }) => [status, finding.split(/[: ]/)[0]])).toEqual([
    ["failed", "RETICENT_COLOUR"],
    ["failed", "RETICENT_PORT"],
    ["failed", "RETICENT_QUEUE"],
  ]);
  expect(report.line("queue-server").finding).toBe("not asked, because of RETICENT_QUEUE");
  expect(report.line("policy-tests").status).toBe("ok");
  expect(report.line("encoder").status).toBe("ok");
});

test("a process that shares nothing cannot have a role, and says what to change", async () => {
  const { env } = place();
  const report = await look(env, ["--role", "worker"]);
  expect(report).toMatchObject({ code: 1 });
  expect(report.line("adapters")).toMatchObject({
    status: "failed",
    advice: expect.stringContaining("RETICENT_LEDGER=sqlite"),
  });
});

test("the command ends by itself, with its exit code, though every server hangs", async () => {
  const { env } = place();
  const port = await hangingPort();
  const servers = {
    RETICENT_LEDGER: "redis",
    RETICENT_QUEUE: "bullmq",
    RETICENT_INDEX: "qdrant",
    RETICENT_REDIS_URL: `redis://127.0.0.1:${port}`,
    RETICENT_QDRANT_URL: `http://127.0.0.1:${port}`,
    RETICENT_URL: `http://127.0.0.1:${port}`,
  };
  const { code, out } = await command(["doctor", "--timeout-ms", "1000"], { ...env, ...servers });
  expect(code).toBe(1);
  for (const name of ["ledger-server", "queue-server", "index-server", "service-health"]) {
    expect(out).toMatch(new RegExp(`^failed +${name} .*no answer`, "m"));
  }
});

test("for people it is one line per check with what to do below, and wrong usage is told", async () => {
  const { env } = place();
  const terminal = capturedTerminal(env);
  expect(await run([], terminal)).toBe(0);
  expect(terminal.out()).toMatch(/^ok {7}settings {2,}\d variables set: /);
  expect(terminal.out()).toMatch(/\nwarning {2}data-directory .*does not exist.*\n +→ if documents/);
  expect(terminal.out()).toMatch(/\nnothing failed: 0 failed, 2 warning, \d+ skipped, \d+ ok\n$/);
  for (const args of [["--role", "boss"], ["--timeout-ms", "1"], ["--url", "ftp://x"], ["what"]]) {
    const wrong = capturedTerminal(env);
    expect(await run(args, wrong)).toBe(2);
    expect(wrong.err()).toMatch(/^reticent doctor: .*\n$/);
  }
});

/** A command in a process of its own, until it ends by itself. */
async function command(args: readonly string[], env: Readonly<Record<string, string>>) {
  const main = fileURLToPath(new URL("../main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  child.stdout.on("data", (text) => {
    out += String(text);
  });
  child.stderr.on("data", (text) => {
    err += String(text);
  });
  const [code] = await once(child, "close");
  return { code, out, err };
}

test("a key or URL that cannot be right ends every command with code 2 and one line that names the variable alone", async () => {
  const { env } = place();
  const servers = {
    RETICENT_LEDGER: "redis",
    RETICENT_QUEUE: "bullmq",
    RETICENT_INDEX: "qdrant",
    RETICENT_REDIS_URL: "redis://127.0.0.1:1",
    RETICENT_QDRANT_URL: "http://127.0.0.1:1",
  };
  const wrong = [
    ["RETICENT_QDRANT_API_KEY", "SECRETbad\nkeySECRET"],
    ["RETICENT_QDRANT_API_KEY", "schlüssel€SECRET"],
    ["RETICENT_REDIS_URL", "redis://:SECRET@127.0.0.1:1/SECRET"],
    ["RETICENT_QUEUE_REDIS_URL", "redis://:SEC%RET@127.0.0.1:1"],
  ] as const;
  for (const [at, [name, value]] of wrong.entries()) {
    const given = { ...env, ...servers, [name]: value };
    const service = await command([["query", "indexer", "worker"][at % 3] ?? ""], given);
    expect(service).toMatchObject({ code: 2, out: "" });
    expect(service.err).toMatch(new RegExp(`^reticent: ${name}: (?!.*SEC)[^\\n]+\\n$`));
    const doctor = await command(["doctor", "--json", "--timeout-ms", "1000"], given);
    expect(doctor).toMatchObject({ code: 2, err: "" });
    expect(doctor.out).not.toContain("SEC");
    const { checks } = JSON.parse(doctor.out) as { checks: { name: string; status: string; finding: string }[] };
    expect(checks[0]).toMatchObject({ name: "settings", status: "failed", finding: expect.stringContaining(name) });
    // The others go on.
    expect(checks).toContainEqual(expect.objectContaining({ name: "encoder", status: "ok" }));
  }
}, 60_000);
