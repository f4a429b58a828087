import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { accessOf } from "#core/access/acl.ts";
import { accessHash, contentHash } from "#core/ingest/hash.ts";
import { limits } from "#core/limits.ts";
import { qualityOf } from "#core/trust/quality.ts";
import { type PreparedDocument, prepare, type RefusedFile, type SourceRules } from "./prepare.ts";
import { walk } from "./walk.ts";

const made: string[] = [];
afterEach(async () => {
  for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A temporary folder with these files; the keys are paths. */
async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "reticent-sync-"));
  made.push(root);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

const everyone = "acl:\n  - { access_type: grant, type: everyone }\n";
const rules: SourceRules = { source: "wiki", claims: new Set(), labels: new Set(["confidential"]) };

async function prepareAll(
  files: Readonly<Record<string, string | Uint8Array>>,
  with_: SourceRules = rules,
): Promise<Map<string, PreparedDocument | RefusedFile>> {
  const found = await walk(await folderOf(files));
  const prepared = new Map<string, PreparedDocument | RefusedFile>();
  for (const file of found.files) prepared.set(file.id, await prepare(file, with_, "stated"));
  return prepared;
}

function documentOf(prepared: PreparedDocument | RefusedFile | undefined): PreparedDocument {
  if (prepared?.kind !== "document") throw new Error(`not a document: ${prepared?.reason ?? "not found"}`);
  return prepared;
}
const reasonOf = (prepared: PreparedDocument | RefusedFile | undefined) =>
  prepared?.kind === "refused" ? prepared.reason : undefined;

test("documents are found by their ending, in the order of their ids; the rest is listed with a reason", async () => {
  const root = await folderOf({
    "b/two.HTML": "x",
    "b/one.md": "x",
    "a.txt": "x",
    "c.markdown": "x",
    "c.htm": "x",
    "logo.png": "x",
    ".hidden.md": "x",
    ".git/config.md": "x",
    "_reticent.yaml": everyone,
  });
  const found = await walk(root);
  expect(found.files.map(({ id, contentType }) => [id, contentType])).toEqual([
    ["a.txt", "text/plain"],
    ["b/one.md", "text/markdown"],
    ["b/two.HTML", "text/html"],
    ["c.htm", "text/html"],
    ["c.markdown", "text/markdown"],
  ]);
  expect(found.skipped).toEqual([{ id: "logo.png", reason: "not one of .md .markdown .html .htm .txt" }]);
  expect(found.refused).toEqual([]);
});

test("symbolic links are listed and not followed, neither out of the folder nor to other access lists inside it", async () => {
  const outside = await folderOf({ "secret.md": "outside" });
  const root = await folderOf({ "_reticent.yaml": everyone, "in/a.md": "x" });
  await symlink(outside, join(root, "folder"));
  await symlink(join(outside, "secret.md"), join(root, "out.md"));
  await symlink(join(root, "in/a.md"), join(root, "again.md"));
  await symlink(root, join(root, "in/loop"));
  const found = await walk(root);
  expect(found.files.map(({ id }) => id)).toEqual(["in/a.md"]);
  expect(found.skipped.map(({ id }) => id)).toEqual(["again.md", "folder", "in/loop", "out.md"]);
});

test("a linked access list is refused, not followed and not ignored", async () => {
  const outside = await folderOf({ "list.yaml": everyone });
  const root = await folderOf({ "_reticent.yaml": everyone, "in/a.md": "x", "b.md": "x" });
  await symlink(join(outside, "list.yaml"), join(root, "in/_reticent.yaml"));
  const found = await walk(root);
  expect(found.files.map(({ id, refusal }) => [id, refusal === undefined])).toEqual([
    ["b.md", true],
    ["in/a.md", false],
  ]);
});

test("a folder that is not there is a usage error", async () => {
  await expect(walk("/nowhere/at/all")).rejects.toThrow("is not a folder");
});

test("a file without an access list anywhere is refused by name, and the others are not", async () => {
  const prepared = await prepareAll({ "a/_reticent.yaml": everyone, "a/x.md": "x", "b/y.md": "y", "z.md": "z" });
  expect(prepared.get("a/x.md")?.kind).toBe("document");
  expect(reasonOf(prepared.get("b/y.md"))).toContain("no access list");
  expect(reasonOf(prepared.get("z.md"))).toContain("no access list");
});

test("a broken folder file refuses everything below it, naming file and key, and nothing beside it", async () => {
  const prepared = await prepareAll({
    "_reticent.yaml": everyone,
    "a/_reticent.yaml": "acl:\n  - { access_type: denny, type: everyone }\n",
    "a/x.md": "x",
    "a/deep/y.md": "y",
    "a/deep/_reticent.yaml": everyone,
    "b.md": "b",
  });
  for (const id of ["a/x.md", "a/deep/y.md"]) {
    expect(reasonOf(prepared.get(id))).toContain("a/_reticent.yaml: acl.0.access_type");
  }
  expect(prepared.get("b.md")?.kind).toBe("document");
});

test("an access list under a nearly right name is refused: its restrictions must not be lost", async () => {
  for (const name of [
    "_reticent.yml",
    "_Reticent.yaml",
    "_reticent.json",
    "_reticent",
    "reticent.yaml",
    ".reticent.yaml",
  ]) {
    const prepared = await prepareAll({ "_reticent.yaml": everyone, [`a/${name}`]: "acl: []", "a/x.md": "x" });
    expect(reasonOf(prepared.get("a/x.md"))).toContain(`${name}: the name must be exactly _reticent.yaml`);
  }
});

test("a folder below an access list is refused, because that list would be lost; an option says that it is meant", async () => {
  for (const name of ["_reticent.yaml", "reticent.yml"]) {
    const root = await folderOf({
      [name]: `${everyone}labels: [confidential]\n`,
      "a/b/_reticent.yaml": everyone,
      "a/b/x.md": "x",
    });
    const below = join(root, "a/b");
    await expect(walk(below)).rejects.toThrow(join(root, name));
    await expect(walk(below)).rejects.toThrow("--ignore-parents");
    expect((await walk(below, { ignoreParents: true })).files.map(({ id }) => id)).toEqual(["x.md"]);
    // Through a link the folder is still where it is.
    const link = join(await folderOf({}), "link");
    await symlink(below, link);
    await expect(walk(link)).rejects.toThrow("--ignore-parents");
  }
});

test("the hashes are those of the indexer, over exactly what is sent", async () => {
  const prepared = await prepareAll({
    "_reticent.yaml":
      "acl:\n  - { access_type: grant, type: group, value: zoo }\n  - { access_type: grant, type: group, value: cafe\u0301 }\nquality: { owner: o }\n",
    "a/x.md":
      "---\ntitle: T\nurl: https://wiki.example/x\nlabels: [confidential]\nacl:\n  - { access_type: deny, type: user, value: eve }\nquality: { updated_at: 2026-01-05, supersedes: [a/old.md] }\n---\nBody\n",
  });
  const document = documentOf(prepared.get("a/x.md"));
  expect(document.request).toEqual({
    title: "T",
    url: "https://wiki.example/x",
    content_type: "text/markdown",
    body: "Body\n",
    acl: [
      { access_type: "deny", type: "user", value: "eve" },
      { access_type: "grant", type: "group", value: "zoo" },
      { access_type: "grant", type: "group", value: "caf\u00e9" },
    ],
    labels: ["confidential"],
    quality: { owner: "o", updated_at: "2026-01-05T00:00:00.000Z", supersedes: ["a/old.md"] },
  });
  const quality = qualityOf(document.request.quality, "wiki");
  const info = { title: "T", url: "https://wiki.example/x", contentType: "text/markdown", quality } as const;
  expect(document.contentHash).toBe(contentHash(info, "Body\n"));
  expect(document.accessHash).toBe(accessHash(accessOf(document.request.acl, ["confidential"])));
});

test("content alone moves the content hash, access alone the access hash", async () => {
  const quality = "quality: { updated_at: 2026-01-05 }\n";
  const first = documentOf((await prepareAll({ "_reticent.yaml": everyone + quality, "a.md": "x" })).get("a.md"));
  const body = documentOf((await prepareAll({ "_reticent.yaml": everyone + quality, "a.md": "y" })).get("a.md"));
  const label = `labels: [confidential]\n${quality}`;
  const access = documentOf((await prepareAll({ "_reticent.yaml": everyone + label, "a.md": "x" })).get("a.md"));
  expect(body.contentHash).not.toBe(first.contentHash);
  expect(body.accessHash).toBe(first.accessHash);
  expect(access.contentHash).toBe(first.contentHash);
  expect(access.accessHash).not.toBe(first.accessHash);
});

test("a file's own time is no content: whatever copies or touches it, the document and its date stay the same", async () => {
  const root = await folderOf({ "_reticent.yaml": everyone, "a.md": "x" });
  const [file] = (await walk(root)).files;
  if (file === undefined) throw new Error("no file");
  const before = documentOf(await prepare(file, rules, "stated"));
  const at = new Date("2024-05-06T07:08:09.000Z");
  await utimes(file.path, at, at);
  expect(await prepare(file, rules, "stated")).toEqual(before);
  expect(before).toMatchObject({ undated: true, request: { quality: {} } });
  expect(before.request.quality).not.toHaveProperty("updated_at");
  // Only those who ask for it get it.
  const dated = documentOf(await prepare(file, rules, "mtime"));
  expect(dated).toMatchObject({ undated: false, request: { quality: { updated_at: at.toISOString() } } });
});

test("a stated date counts before the file's own, also when the file's own is asked for", async () => {
  const root = await folderOf({ "_reticent.yaml": `${everyone}quality: { updated_at: 2026-01-05 }\n`, "a.md": "x" });
  const [file] = (await walk(root)).files;
  if (file === undefined) throw new Error("no file");
  for (const dates of ["stated", "mtime"] as const) {
    const document = documentOf(await prepare(file, rules, dates));
    expect(document).toMatchObject({
      undated: false,
      request: { quality: { updated_at: "2026-01-05T00:00:00.000Z" } },
    });
  }
});

test("a title comes from front matter, <title>, the first heading or the file name", async () => {
  const prepared = await prepareAll({
    "_reticent.yaml": everyone,
    "a.md": "---\ntitle: Stated\n---\n# Heading\n\ntext",
    "b.md": "intro\n\n# The *first* heading\n\ntext\n\n# Second\n\ntext",
    "c.html": "<title> In\n the head </title><h1>H</h1><p>text",
    "d.html": "<h1>Only a heading</h1><p>text",
    "e/company-cards_2026.txt": "text",
  });
  const titles = [...prepared.values()].map((item) => documentOf(item).request.title);
  expect(titles).toEqual(["Stated", "The first heading", "In the head", "Only a heading", "company cards 2026"]);
});

test("what is too large, not UTF-8, undeclared or badly named is refused by name with the limit or the key", async () => {
  const prepared = await prepareAll({
    "_reticent.yaml": everyone,
    "big.md": "x".repeat(limits.bodyBytes + 1),
    "bytes.md": new Uint8Array([0xff, 0xfe, 0x00]),
    "label.md": "---\nlabels: [confidental]\n---\nx",
    "open.md": "---\nlabels: [confidential]\nx",
    "title.md": `---\ntitle: ${"t".repeat(limits.titleChars + 1)}\n---\nx`,
    "url.md": "---\nurl: javascript:alert(1)\n---\nx",
    [`${"d".repeat(200)}/${"e".repeat(200)}/${"f".repeat(200)}.md`]: "x",
    "control\u0007.md": "x",
    "ok.md": "\ufefffine",
  });
  expect(reasonOf(prepared.get("big.md"))).toContain("bodyBytes");
  expect(reasonOf(prepared.get("bytes.md"))).toBe("not UTF-8");
  expect(reasonOf(prepared.get("label.md"))).toContain("confidental");
  expect(reasonOf(prepared.get("open.md"))).toContain("never closed");
  expect(reasonOf(prepared.get("title.md"))).toContain("title");
  expect(reasonOf(prepared.get("url.md"))).toContain("url");
  expect([...prepared].find(([id]) => id.startsWith("ddd"))?.[1]).toMatchObject({ kind: "refused" });
  expect(reasonOf(prepared.get("control\u0007.md"))).toContain("document id");
  expect(documentOf(prepared.get("ok.md")).request.body).toBe("fine");
});

test("more access entries than the limit, all layers together, are refused and never cut", async () => {
  const list = (from: number, to: number) =>
    `acl:\n${Array.from({ length: to - from }, (_, i) => `  - { access_type: deny, type: user, value: u${from + i} }\n`).join("")}`;
  const prepared = await prepareAll({
    "_reticent.yaml": `${list(0, 600)}  - { access_type: grant, type: everyone }\n`,
    "a/_reticent.yaml": list(600, 1200),
    "a/x.md": "x",
    "y.md": "y",
  });
  expect(reasonOf(prepared.get("a/x.md"))).toContain("acl");
  expect(documentOf(prepared.get("y.md")).request.acl).toHaveLength(601);
});

test("claims in front matter follow the source's configuration", async () => {
  const files = {
    "_reticent.yaml": `${everyone}quality: { review_state: in_review }\n`,
    "a.md": "---\nquality: { authority: reference, review_state: approved }\n---\nx",
  };
  const refused = documentOf((await prepareAll(files)).get("a.md"));
  expect(refused.request.quality).toMatchObject({ review_state: "in_review" });
  expect(refused.request.quality.authority).toBeUndefined();
  expect(refused.warnings.map((warning) => warning.slice(0, 15))).toEqual(["a.md: quality.a", "a.md: quality.r"]);
  const allowing: SourceRules = { ...rules, claims: new Set(["authority", "review_state"]) };
  const allowed = documentOf((await prepareAll(files, allowing)).get("a.md"));
  expect(allowed.request.quality).toMatchObject({ authority: "reference", review_state: "approved" });
});
