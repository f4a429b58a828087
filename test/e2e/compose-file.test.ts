import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseConfig, settingsIn } from "#services/config.ts";
import { type Role, roles } from "#services/process/roles.ts";

interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly ports?: readonly string[];
  readonly profiles?: readonly string[];
  readonly build?: string;
  readonly healthcheck?: object;
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: readonly object[];
}

const root = join(import.meta.dirname, "../..");
const text = readFileSync(join(root, "docker-compose.yml"), "utf8");
const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, ComposeService>> };
const named = Object.entries(services);
const secrets = { RETICENT_REDIS_PASSWORD: "p", RETICENT_QDRANT_API_KEY: "k" };

/** `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as compose reads them. */
function filledIn(value: string, env: Readonly<Record<string, string>>): string {
  return value.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_all, name: string, kind?: string, rest = "") => {
    const given = env[name];
    if (given !== undefined && given !== "") return given;
    if (kind === "?") throw new Error(`${name}: ${rest}`);
    return rest;
  });
}

test("the profile for metrics reads every process, on a port that is not published", () => {
  const { scrape_configs: jobs } = parse(services.metrics?.environment?.PROMETHEUS_CONFIG ?? "") as {
    scrape_configs: { job_name: string; dns_sd_configs?: { names: string[]; type: string; port: number }[] }[];
  };
  const [found] = jobs.find(({ job_name }) => job_name === "reticent")?.dns_sd_configs ?? [];
  expect(found).toEqual({ names: ["query", "indexer", "worker"], type: "A", port: 9464 });
  for (const name of found?.names ?? []) {
    const { environment = {}, ports = [] } = services[name] ?? {};
    const { metrics } = parseConfig(
      settingsIn(
        Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, filledIn(value, secrets)])),
      ),
    );
    expect(metrics).toEqual({ host: "0.0.0.0", port: 9464 });
    expect(ports.join()).not.toContain("9464");
  }
});

test("every image is pinned, and nothing runs as root, writes to its own image or keeps a capability", () => {
  for (const [name, service] of named) {
    expect({ name, ...service }).toMatchObject({
      image: expect.stringMatching(/:v?\d+\.\d+\.\d+[\w.-]*$/),
      user: expect.stringMatching(/^(?!root|0\b)/),
      read_only: true,
      cap_drop: ["ALL"],
    });
  }
});

test("no config or secret is handed over by content, which compose refuses for a read-only container", () => {
  const { configs = {}, secrets: handed = {} } = parse(text, { merge: true }) as Record<string, object | undefined>;
  expect({ configs, handed }).toEqual({ configs: {}, handed: {} });
});

test("the metrics container starts Prometheus on the configuration of its environment", () => {
  const folder = mkdtempSync(join(tmpdir(), "compose-"));
  try {
    const [, , script = ""] = services.metrics?.entrypoint ?? [];
    // The shell's part as compose hands it over ($$ is one $), with another folder for /tmp and another program to run.
    const run = script.replaceAll("$$", "$").replaceAll("/tmp/", `${folder}/`).replace("exec prometheus", "echo");
    const { status, stdout } = spawnSync("sh", ["-c", run], {
      env: { ...process.env, PROMETHEUS_CONFIG: "a: '$b'\n" },
    });
    expect(status).toBe(0);
    expect(stdout.toString()).toContain(`--config.file=${folder}/prometheus.yml`);
    expect(readFileSync(join(folder, "prometheus.yml"), "utf8")).toBe("a: '$b'\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what compose reads from the environment offends no process and no command that runs beside it", () => {
  const names = [...new Set([...text.matchAll(/\$\{(RETICENT_\w+)/g)].map(([, name = ""]) => name))];
  expect(names).toContain("RETICENT_REDIS_PASSWORD");
  const known = names.filter((name) => !name.startsWith("RETICENT_OPENAI_") && !name.startsWith("RETICENT_EMBEDDER"));
  expect(() =>
    parseConfig(Object.fromEntries(known.map((name) => [name, name.endsWith("_LEVEL") ? "info" : "1"]))),
  ).not.toThrow();
});

test("every engine has a health check of its own, and every process that of the image", () => {
  const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");
  expect(dockerfile).toMatch(/^HEALTHCHECK /m);
  const unhealthy = named.filter(([, service]) => service.build === undefined && service.healthcheck === undefined);
  expect(unhealthy).toEqual([]);
});

test("only the query and indexer ports are published, and on the loopback address", () => {
  const published = named.filter(([, { ports }]) => (ports ?? []).length > 0);
  expect(published.map(([name]) => name).toSorted()).toEqual(["indexer", "query"]);
  for (const [, { ports }] of published) for (const port of ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
});

test("without a password for Redis and a key for Qdrant nothing starts", () => {
  for (const missing of Object.keys(secrets)) {
    expect(() => filledIn(text, { ...secrets, [missing]: "" })).toThrow(missing);
  }
  // Neither has a default anywhere.
  expect(text).not.toMatch(/(PASSWORD|API_KEY):-[^}]/);
});

test("every process, and no engine, gets the settings of a file that need not be there and is not committed", () => {
  const given = named.filter(([, { env_file: files }]) => files !== undefined);
  expect(given.map(([name]) => name).toSorted()).toEqual(["indexer", "query", "worker"]);
  for (const [, { env_file: files }] of given) expect(files).toEqual([{ path: "reticent.env", required: false }]);
  const ignored = readFileSync(join(root, ".gitignore"), "utf8").split("\n");
  expect(ignored).toEqual(expect.arrayContaining([".env", "reticent.env"]));
});

test("each process gets settings that its role accepts", () => {
  const processes = named.flatMap(([name, { build, command, environment }]) =>
    build === undefined ? [] : [{ name, role: command?.[0], environment }],
  );
  expect(processes.map(({ role }) => role).toSorted()).toEqual(["indexer", "query", "worker"]);
  for (const { role, environment = {} } of processes) {
    expect(roles).toContain(role);
    const env = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, filledIn(value, secrets)]));
    expect(parseConfig(settingsIn(env), role as Role)).toMatchObject({ role, adapters: { ledger: "redis" } });
  }
});

test("compose itself reads the file, where there is a compose", () => {
  if (spawnSync("docker", ["compose", "version"]).status !== 0) {
    process.stdout.write("skipped: there is no docker compose here, the file is checked by its parts alone\n");
    return;
  }
  const run = spawnSync("docker", ["compose", "config", "--quiet"], { cwd: root, env: { ...process.env, ...secrets } });
  expect(run.stderr.toString()).toBe("");
  expect(run.status).toBe(0);
});
