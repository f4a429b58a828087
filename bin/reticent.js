#!/usr/bin/env node
// The command line: installs what is missing, then runs services/cli/main.ts on Node 24.
import { join } from "node:path";
import process from "node:process";
import { ensureInstalled, findNode, handOverService, root } from "./launch.js";

ensureInstalled();
handOverService(findNode(), [
  // node:sqlite announces itself as a release candidate on every start; the project pins the Node that it is tested on.
  "--disable-warning=ExperimentalWarning",
  join(root, "services", "cli", "main.ts"),
  ...process.argv.slice(2),
]);
