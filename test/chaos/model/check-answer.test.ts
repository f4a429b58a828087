import { expect, test } from "vitest";
import { readers } from "../cast.ts";
import { bodyOf, titleOf } from "../content.ts";
import type { Access, Reader } from "./access.ts";
import { type Asked, checkAnswer, checkNames, learnFrom, type SeenPassage } from "./check-answer.ts";
import type { Content, DocumentAnswer, DocumentOperation } from "./document.ts";
import { type TrackedDocument, World } from "./world.ts";

// The judge of the test is itself held against forged answers: what it does not report here, it would not report in a run.

function readerOf(name: string): Reader {
  const reader = readers.find((one) => one.name === name);
  if (reader === undefined) throw new Error(`there is no ${name}`);
  return reader;
}
const ada = readerOf("ada");
const ben = readerOf("ben");

const forGroup = (value: string, labels: readonly string[] = []): Access => ({
  acl: [{ access_type: "grant", type: "group", value }],
  labels,
});
const first: Content = { version: 1, put: 1 };
const second: Content = { version: 2, put: 2 };

/** A world with one document that group b may read. */
function scene() {
  const world = new World(1);
  const document = world.add("one", "wiki", "page");
  apply(world, document, { kind: "put", content: first, access: forGroup("b") });
  return { world, document };
}

/** An operation that is answered, as the model itself would. */
function apply(world: World, document: TrackedDocument, operation: DocumentOperation): void {
  const request = begin(world, document, operation);
  answer(world, document, request);
}

function begin(world: World, { history }: TrackedDocument, operation: DocumentOperation): number {
  const request = world.tick();
  history.begin(request, request, operation);
  return request;
}

function answer(world: World, { history }: TrackedDocument, request: number): void {
  const [expected] = history.expected(request) as readonly DocumentAnswer[];
  if (expected === undefined || !history.answered(world.tick(), request, expected)) throw new Error("no answer");
}

function passage(document: TrackedDocument, content: Content, title = content): SeenPassage {
  const { source, id, marker } = document;
  return { source, document_id: id, title: titleOf(marker, title), text: bodyOf(marker, content, 0) };
}

/** Asks now, with an answer that somebody made up. */
function forged(world: World, reader: Reader, passages: readonly SeenPassage[], about?: TrackedDocument): Asked {
  const from = world.tick();
  return { reader, from, to: world.tick(), passages, ...(about === undefined ? {} : { about }) };
}

const kinds = (world: World, asked: Asked): string[] => checkAnswer(world, asked).map(({ kind }) => kind);

test("a right answer and a right abstention are not reported", () => {
  const { world, document } = scene();
  expect(kinds(world, forged(world, ben, [passage(document, first)], document))).toEqual([]);
  expect(kinds(world, forged(world, ada, [passage(document, first)], document))).toEqual([]);
  expect(kinds(world, forged(world, readerOf("fay"), [], document))).toEqual([]);
});

test("a document that was never readable to the caller is reported", () => {
  const { world, document } = scene();
  expect(kinds(world, forged(world, readerOf("fay"), [passage(document, first)]))).toEqual(["revoked-shown"]);
});

test("a revoked document is reported when the question began after the acknowledgement, and not when before", () => {
  const { world, document } = scene();
  const early = world.tick();
  const request = begin(world, document, { kind: "access", access: forGroup("e") });
  const during = world.tick();
  answer(world, document, request);
  const asked = forged(world, ben, [passage(document, first)]);
  expect(kinds(world, asked)).toEqual(["revoked-shown"]);
  expect(kinds(world, { ...asked, from: early })).toEqual([]);
  expect(kinds(world, { ...asked, from: during })).toEqual([]);
});

test("a label that the caller may not read counts as a revoke", () => {
  const { world, document } = scene();
  apply(world, document, { kind: "access", access: forGroup("b", ["secret"]) });
  expect(kinds(world, forged(world, ben, [passage(document, first)]))).toEqual(["revoked-shown"]);
  expect(kinds(world, forged(world, ada, [passage(document, first)]))).toEqual([]);
});

test("a revoke whose outcome is not known may hold or not, until it is looked up", () => {
  const { world, document } = scene();
  const request = begin(world, document, { kind: "access", access: forGroup("e") });
  document.history.lost(world.tick(), request);
  expect(kinds(world, forged(world, ben, [passage(document, first)]))).toEqual([]);
  document.history.seen(world.tick(), ({ revision }) => revision === 2);
  expect(kinds(world, forged(world, ben, [passage(document, first)]))).toEqual(["revoked-shown"]);
});

test("a deleted document is reported, and so is the text of before when it was made anew", () => {
  const { world, document } = scene();
  apply(world, document, { kind: "delete", version: 1 });
  expect(kinds(world, forged(world, ben, [passage(document, first)]))).toEqual(["deleted-shown"]);
  apply(world, document, { kind: "put", content: second, access: forGroup("b") });
  expect(kinds(world, forged(world, ben, [passage(document, first)]))).toEqual(["other-text-shown"]);
});

test("old text may be shown until newer text was seen live, and only to whom both accesses let in", () => {
  const { world, document } = scene();
  apply(world, document, { kind: "put", content: second, access: forGroup("e") });
  const eve = readerOf("eve");
  expect(kinds(world, forged(world, eve, [passage(document, first)]))).toEqual(["revoked-shown"]);
  expect(kinds(world, forged(world, ben, [passage(document, first)]))).toEqual(["revoked-shown"]);
  apply(world, document, { kind: "put", content: { version: 3, put: 3 }, access: forGroup("b") });
  const asked = forged(world, ben, [passage(document, { version: 3, put: 3 })]);
  learnFrom(asked, world);
  expect(kinds(world, forged(world, ben, [passage(document, first)]))).toContain("revoked-shown");
});

test("text older than what was seen live is reported", () => {
  const { world, document } = scene();
  apply(world, document, { kind: "put", content: second, access: forGroup("b") });
  expect(kinds(world, forged(world, ben, [passage(document, first)]))).toEqual([]);
  const early = world.tick();
  learnFrom(forged(world, ben, [passage(document, second)]), world);
  const asked = forged(world, ben, [passage(document, first)]);
  expect(kinds(world, asked)).toEqual(["replaced-shown"]);
  expect(kinds(world, { ...asked, from: early })).toEqual([]);
});

test("two generations of a document in one answer are reported, and so is a title over another text", () => {
  const { world, document } = scene();
  apply(world, document, { kind: "put", content: second, access: forGroup("b") });
  const mixed = forged(world, ben, [passage(document, first), passage(document, second)]);
  expect(kinds(world, mixed)).toEqual(["mixed-generation"]);
  expect(kinds(world, forged(world, ben, [passage(document, first, second)]))).toEqual(["mixed-text"]);
});

test("text that nobody sent, and a document that nobody sent, are reported", () => {
  const { world, document } = scene();
  expect(kinds(world, forged(world, ben, [passage(document, { version: 1, put: 9 })]))).toEqual(["other-text-shown"]);
  const other = new World(1).add("one", "wiki", "another");
  expect(kinds(world, forged(world, ben, [passage(other, first)]))).toEqual(["unknown-document"]);
  const posing = { ...passage(other, first), document_id: "page" };
  expect(kinds(world, forged(world, ben, [posing]))).toEqual(["mixed-text"]);
});

test("an abstention from a document that is there is reported, whatever the reason: an outage is never an abstention", () => {
  const { world, document } = scene();
  // Nothing is known yet of whether it is indexed.
  expect(kinds(world, forged(world, ben, [], document))).toEqual([]);
  document.sawPublished(world.tick());
  expect(kinds(world, forged(world, ben, [], document))).toEqual(["lost-from-search"]);
  expect(kinds(world, forged(world, readerOf("fay"), [], document))).toEqual([]);
  // A change on its way excuses it.
  begin(world, document, { kind: "access", access: forGroup("b", ["draft"]) });
  expect(kinds(world, forged(world, ben, [], document))).toEqual([]);
});

test("a document that a reader got before has to be found again", () => {
  const { world, document } = scene();
  learnFrom(forged(world, ben, [passage(document, first)]), world);
  expect(kinds(world, forged(world, ben, [], document))).toEqual(["lost-from-search"]);
  // Whether the index's copy of its access has reached everybody is not known from one reader.
  expect(kinds(world, forged(world, ada, [], document))).toEqual([]);
});

test("an answer without the only document that could be its reason is reported", () => {
  const { world, document } = scene();
  const other = world.add("one", "wiki", "another");
  apply(world, other, { kind: "put", content: { version: 1, put: 5 }, access: forGroup("b") });
  const asked = forged(world, ben, [passage(other, { version: 1, put: 5 })], document);
  expect(kinds(world, asked)).toEqual(["answered-without-evidence"]);
});

test("another document's word that the index cannot tell from the one of the question is no lie", () => {
  const world = new World(1);
  // Found by trying: the words of these two have the same dimension.
  const [about, other] = [world.add("one", "wiki", "page-7939"), world.add("one", "wiki", "page-18705")];
  const content = { version: 1, put: 5 };
  apply(world, other, { kind: "put", content, access: forGroup("b") });
  expect(kinds(world, forged(world, ben, [passage(other, content)], about))).toEqual([]);
});

test("a disabled principal that is answered is reported, and its document need not be found", () => {
  const { world, document } = scene();
  document.sawPublished(world.tick());
  const principal = world.principal("one", "user:ben");
  principal.begin(world.tick(), 1_000, true);
  expect(kinds(world, forged(world, ben, [], document))).toEqual([]);
  principal.answered(world.tick(), 1_000, true);
  expect(kinds(world, forged(world, ben, [passage(document, first)]))).toEqual(["disabled-served"]);
});

test("a trace that names a document which is hidden when it is read is reported", () => {
  const { world, document } = scene();
  const named = [{ source: "wiki", id: "page" }];
  const check = (): string[] => {
    const from = world.tick();
    return checkNames(world, ben, from, world.tick(), named).map(({ kind }) => kind);
  };
  expect(check()).toEqual([]);
  apply(world, document, { kind: "access", access: forGroup("e") });
  expect(check()).toEqual(["hidden-named"]);
});
