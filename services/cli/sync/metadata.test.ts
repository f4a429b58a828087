import { expect, test } from "vitest";
import { MetadataError, parseFolderFile, parseFrontMatter, splitFrontMatter } from "./metadata.ts";

test("a folder file states access, labels and quality; an empty one states nothing", () => {
  expect(parseFolderFile("# only a comment\n")).toEqual({});
  expect(
    parseFolderFile(
      "acl:\n  - { access_type: grant, type: group, value: finance }\nlabels: [confidential]\nquality: { updated_at: 2026-01-05 }\n",
    ),
  ).toEqual({
    acl: [{ access_type: "grant", type: "group", value: "finance" }],
    labels: ["confidential"],
    quality: { updated_at: "2026-01-05T00:00:00.000Z" },
  });
});

test("a mistake in a folder file is an error that names the key, never an ignored rule", () => {
  const mistakes: readonly (readonly [string, string])[] = [
    ["acess: []", "acess"],
    ["acl:\n  - { access_type: denny, type: everyone }", "acl.0.access_type"],
    ["acl:\n  - { access_type: deny, type: group }", "acl.0.value"],
    ["acl:\n  - { access_type: grant, type: everyone, value: x }", "acl.0.value"],
    ["acl:", "acl"],
    ["labels: confidential", "labels"],
    ["labels: [Confidential]", "labels.0"],
    ["quality: { review: draft }", "quality.review"],
    ["quality: { updated_at: yesterday }", "quality.updated_at"],
    ["acl: []\nacl: []", "not YAML (line 2)"],
    ["- a", "not a mapping"],
    ["acl: [", "not YAML"],
    ["labels: &a [x]\nquality: *a", "anchors"],
  ];
  for (const [text, named] of mistakes) {
    expect(() => parseFolderFile(text)).toThrow(MetadataError);
    expect(() => parseFolderFile(text)).toThrow(named);
  }
});

test("front matter is cut off whatever the line ends are, and the rest stays as it is", () => {
  expect(splitFrontMatter("# A\n---\nb")).toEqual({ yaml: undefined, body: "# A\n---\nb" });
  expect(splitFrontMatter("---\ntitle: A\n---\n\n# A\n")).toEqual({ yaml: "title: A\n", body: "\n# A\n" });
  expect(splitFrontMatter("---\r\ntitle: A\r\n---\r\nx")).toEqual({ yaml: "title: A\r\n", body: "x" });
  expect(splitFrontMatter("---\ntitle: A\n...")).toEqual({ yaml: "title: A\n", body: "" });
  expect(splitFrontMatter("----\na\n----\n").yaml).toBeUndefined();
});

test("front matter that is never closed is refused: a restriction in it would be lost", () => {
  expect(() => splitFrontMatter("---\nlabels: [confidential]\n\ntext")).toThrow("never closed");
});

test("keys of other programs are left alone, misspelt and misplaced ones of ours are refused", () => {
  expect(parseFrontMatter("title: T\ndate: 2026-01-01\ntags: [a]\nlayout: page\n")).toEqual({ title: "T" });
  for (const key of ["label", "Labels", "lables", "alc", "acls", "qualtiy", "ACL", "titel"]) {
    expect(() => parseFrontMatter(`${key}: []`)).toThrow(`unknown key ${key}`);
  }
  expect(() => parseFrontMatter("expires_at: 2026-01-01")).toThrow("expires_at belongs under quality");
});
