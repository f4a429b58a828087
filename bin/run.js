#!/usr/bin/env node
// `node bin/run.js <tool> [args…]`: runs a development tool of this project, or a program of it (`….ts`), on Node 24, installing what is
// missing first.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { ensureInstalled, findNode, handOver, root } from "./launch.js";

/** Which package carries a tool's binary, where the two names differ. */
const PACKAGE = { tsc: "typescript", biome: "@biomejs/biome" };

ensureInstalled();
const [tool, ...args] = process.argv.slice(2);
const node = findNode();
handOver(node, ["--disable-warning=ExperimentalWarning", programOf(tool), ...args], {
  cwd: root,
  // Tools start workers by name: they must find the same Node first.
  env: { ...process.env, PATH: `${dirname(node)}${process.platform === "win32" ? ";" : ":"}${process.env.PATH ?? ""}` },
});

function programOf(wanted) {
  if (wanted.endsWith(".ts")) return join(root, wanted);
  const name = PACKAGE[wanted] ?? wanted;
  const folder = join(root, "node_modules", ...name.split("/"));
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof manifest.bin === "string" ? manifest.bin : manifest.bin[wanted]);
}
