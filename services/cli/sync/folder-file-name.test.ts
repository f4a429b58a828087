import { expect, test } from "vitest";
import { isFolderFileName } from "./folder-file-name.ts";

test("every name that nearly says access list is taken for one", () => {
  for (const name of [
    "_reticent.yaml",
    "_reticent.yml",
    "_reticent.yaml.txt",
    "_reticent.yalm",
    "_reticent",
    "_RETICENT.YAML",
    "reticent.yaml",
    "reticent.yml",
    "Reticent.yaml",
    ".reticent.yaml",
    "-reticent.yaml",
    "__reticent.yaml",
    "\uff3freticent.yaml",
    "_reticent-yaml",
    "_reticent yaml",
    "_reticentyaml",
    "_reticient.yaml",
    "_reticnet.yaml",
    "_retcent.yaml",
    "_reticents.yaml",
    "_r\u0435ticent.yaml",
    "_reticent (1).yaml",
    "_reticent copy.yaml",
    "_reticent.yaml~",
    "reticent.yaml.bak",
    " _reticent.yaml",
  ]) {
    expect({ name, is: isFolderFileName(name) }).toEqual({ name, is: true });
  }
});

test("documents, other settings and what editors leave beside a file are none", () => {
  for (const name of [
    "reticent.md",
    "reticent.html",
    "reticent.txt",
    "reticence.md",
    "about-reticent.yaml.md",
    "recent.yaml",
    "mkdocs.yml",
    "retention.yaml",
    "._reticent.yaml",
    ".#_reticent.yaml",
    "._reticent.yaml.swp",
    ".reticent.yaml.swp",
    "reticent",
    "yaml",
  ]) {
    expect({ name, is: isFolderFileName(name) }).toEqual({ name, is: false });
  }
});
