// Plain JavaScript, dependency-free and valid on Node 20: it runs before anything is installed.
// It installs what the lockfile asks for when that changed, finds a Node 24, and hands over to it.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Type stripping without a flag and `node:sqlite` in the form that the code uses. */
const MINIMUM = [24, 12];
/** npm writes a file of its own here; ours says which lockfile the tree was installed from. */
const STAMP = join(root, "node_modules", ".reticent-lock");

function fail(message) {
  process.stderr.write(`reticent: ${message}\n`);
  process.exit(2);
}

function lockHash() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

/** The command that runs npm: the one that started us, else the one beside this Node, else the one on the path. */
function npmCommand() {
  const self = process.env.npm_execpath;
  if (self && /npm-cli\.c?js$/.test(self) && existsSync(self)) return [process.execPath, self];
  const beside = join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js");
  if (existsSync(beside)) return [process.execPath, beside];
  return [process.platform === "win32" ? "npm.cmd" : "npm"];
}

/** Installs the locked dependencies, without install scripts, unless this very lockfile is installed already. */
export function ensureInstalled() {
  const wanted = lockHash();
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  process.stderr.write("reticent: installing dependencies (once; again only when the lockfile changes) …\n");
  const [command, ...before] = npmCommand();
  const args = [...before, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  // npm hands its own settings down as variables; the ones of an outer `npm run` must not change what is installed.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_config_(omit|include|production|only)$/i.test(name)),
  );
  env.NODE_ENV = "development";
  const done = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32" && command === "npm.cmd",
  });
  if (done.error || done.status !== 0) {
    fail(`"npm ci" failed (${done.error?.message ?? `exit code ${done.status}`}); its output is above`);
  }
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, wanted);
}

function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

function versionOf(binary) {
  const asked = spawnSync(binary, ["--version"], { encoding: "utf8" });
  return asked.status === 0 ? asked.stdout.trim() : undefined;
}

/** A Node that is new enough: the packaged one, this one, or one on the path; otherwise one clear line and exit code 2. */
export function findNode() {
  const packaged = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${packaged}/package.json`);
    const binary = join(dirname(manifest), "bin", process.platform === "win32" ? "node.exe" : "node");
    // Asked for its version, because a binary for another C library is there but does not start.
    if (existsSync(binary) && versionOf(binary)) return binary;
  } catch {
    // No package for this platform: look further.
  }
  if (isNewEnough(process.version)) return process.execPath;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const binary = join(folder, process.platform === "win32" ? "node.exe" : "node");
    if (!folder || !existsSync(binary)) continue;
    const version = versionOf(binary);
    if (version && isNewEnough(version)) return binary;
  }
  return fail(
    `needs Node ${MINIMUM.join(".")} or newer; no packaged one fits ${process.platform}-${process.arch} and none is on the path (this is ${process.version})`,
  );
}

/**
 * Runs the command line of this project to its end, as {@link handOver}. A service must not go on alone when whoever started it is gone:
 * the child sees the end of a channel to us, however we end; and we see the end of the shell that npm put between itself and us, which a
 * signal to npm ends without a word to anybody below it.
 */
export function handOverService(command, args) {
  const child = handOver(command, args, { stdio: ["inherit", "inherit", "inherit", "ipc"] });
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) child.kill("SIGTERM");
  }, 500).unref();
}

/** Runs a command to its end under our own standard streams and leaves with its exit code. Returns the child process. */
export function handOver(command, args, options = {}) {
  const child = spawn(command, args, { stdio: "inherit", ...options });
  // Ctrl-C reaches the whole foreground group; the child decides when it is done, so we only wait.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", (error) => fail(`cannot start ${command}: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
  return child;
}
