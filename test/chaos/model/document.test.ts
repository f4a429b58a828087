import * as fc from "fast-check";
import { expect, test } from "vitest";
import { accessOf } from "#core/access/acl.ts";
import type { DocumentRecord } from "#core/document.ts";
import { AppError } from "#core/errors.ts";
import { accessHash, contentHash, requestHash } from "#core/ingest/hash.ts";
import { afterAccess, afterDelete, afterPublish, afterPut } from "#core/ingest/transitions.ts";
import { isReadableNow } from "#core/retrieval/recheck.ts";
import { noQuality } from "#test/kit/documents.ts";
import { readers } from "../cast.ts";
import { bodyOf, titleOf } from "../content.ts";
import type { Access, Reader } from "./access.ts";
import {
  type DocumentFacts,
  type DocumentOperation,
  type DocumentState,
  documentMachine,
  factsKey,
  factsOf,
  mayShow,
} from "./document.ts";

const key = { tenant: "one", source: "wiki", id: "page" };
const fingerprint = "f";
const names = ["a", "b", "c"];
const entry = fc.record({
  access_type: fc.constantFrom("grant" as const, "deny" as const),
  type: fc.constant("group" as const),
  value: fc.constantFrom(...names),
});
const access: fc.Arbitrary<Access> = fc.record({
  acl: fc.array(entry, { maxLength: 3 }),
  labels: fc.subarray(["secret", "draft"]),
});
const version = fc.integer({ min: 0, max: 6 });
type Operation = DocumentOperation | { readonly kind: "publish" };
/** A document as the model and as the service's own rules keep it. */
interface Pair {
  readonly state: DocumentState;
  readonly record: DocumentRecord | undefined;
}
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    content: fc.record({ version, put: fc.integer({ min: 1, max: 3 }) }),
    access,
  }),
  fc.record({ kind: fc.constant("access" as const), access, ifMatch: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ kind: fc.constant("access" as const), access }),
  fc.record({ kind: fc.constant("delete" as const), version }),
  fc.constant({ kind: "publish" as const }),
);

/** What the service's own rules make of an operation. */
function real(
  record: DocumentRecord | undefined,
  one: DocumentOperation,
): { outcome: string; record?: DocumentRecord } {
  try {
    if (one.kind === "access") {
      const command = { key, access: accessOf(one.access.acl, one.access.labels) };
      const given = one.ifMatch === undefined ? command : { ...command, expectedAccessRevision: one.ifMatch };
      return { outcome: "access", record: afterAccess(record, given) };
    }
    if (one.kind === "delete") return afterDelete(record, { key, version: one.version }, "now");
    const info = {
      title: titleOf("d", one.content),
      url: null,
      contentType: "text/plain" as const,
      quality: noQuality,
    };
    const body = bodyOf("d", one.content, 0);
    const content = contentHash(info, body);
    const wanted = accessOf(one.access.acl, one.access.labels);
    const hashes = { contentHash: content, requestHash: requestHash(content, accessHash(wanted)) };
    return afterPut(
      record,
      { ...info, ...hashes, version: one.content.version, key, body, access: wanted, mayShare: true },
      "now",
    );
  } catch (error) {
    if (error instanceof AppError) return { outcome: error.code, ...(record === undefined ? {} : { record }) };
    throw error;
  }
}

function publish(record: DocumentRecord): DocumentRecord {
  const { wanted, accessRevision } = record;
  if (wanted === undefined) return record;
  const ref = { key, fingerprint, generation: wanted.generation, contentVersion: wanted.version };
  const after = afterPublish(record, { ...ref, accessRevision, chunkCount: 1 }, "now");
  return typeof after === "string" ? record : after;
}

const asks = (reader: Reader) => ({
  kind: "some" as const,
  tenant: "one",
  sources: ["wiki", "desk"] as const,
  deniedLabels: reader.deniedLabels,
  knownLabels: ["secret", "draft"],
  tokens: ["everyone", ...reader.groups.map((group) => `group:${group}` as const)] as const,
});

/** What each put holds: its number stands for content and access together, so that the same number with another access is no repeat. */
const accessOfPut: readonly Access[] = [
  { acl: [{ access_type: "grant", type: "group", value: "a" }], labels: [] },
  { acl: [{ access_type: "grant", type: "everyone" }], labels: ["secret"] },
  { acl: [{ access_type: "grant", type: "group", value: "b" }], labels: ["draft"] },
];
const withAccess = (one: DocumentOperation): DocumentOperation =>
  one.kind === "put" ? { ...one, access: accessOfPut[one.content.put - 1] ?? one.access } : one;

/** Applies an operation to both. */
function both(before: Pair, one: Operation): Pair & { readonly told: string; readonly foretold: string } {
  const { record, state } = before;
  if (one.kind === "publish") {
    return { state, record: record === undefined ? undefined : publish(record), told: "", foretold: "" };
  }
  const done = real(record, withAccess(one));
  const step = documentMachine.step(state, withAccess(one));
  const after = done.record ?? record;
  const foretold = `${step.answer.outcome} ${factsText(factsOf(step.state))}`;
  return { state: step.state, record: after, told: `${done.outcome} ${factsText(recordFacts(after))}`, foretold };
}

const factsText = (facts: DocumentFacts | undefined): string => (facts === undefined ? "nothing" : factsKey(facts));

function recordFacts(record: DocumentRecord | undefined): DocumentFacts | undefined {
  if (record === undefined) return undefined;
  const { wanted, tombstone, accessRevision } = record;
  return {
    isDeleted: wanted === undefined,
    version: wanted?.version ?? tombstone?.version ?? null,
    generation: wanted?.generation ?? null,
    revision: accessRevision,
    accessHash: wanted === undefined ? null : accessHash(record.access),
  };
}

/** Who may read the live text, by the re-check and by the model. */
function readability({ record, state }: Pair) {
  const live = record?.live[fingerprint];
  if (record === undefined || live === undefined) return { isWanted: false, byRecheck: [], byModel: [] };
  const content = { version: live.version, put: Number(/p(\d+)d/.exec(live.title)?.[1]) };
  return {
    isWanted: live.generation === record.wanted?.generation,
    byRecheck: inOne.filter((reader) => isReadableNow(record, asks(reader), fingerprint)).map(({ name }) => name),
    byModel: inOne.filter((reader) => mayShow(state, reader, "one", "wiki", content)).map(({ name }) => name),
  };
}

const inOne = readers.filter(({ tenant }) => tenant === "one");

test("the model foretells every answer of the service's rules, and lets through all that the re-check lets through", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
      let pair: Pair = { state: documentMachine.initial, record: undefined };
      for (const one of operations) {
        const { told, foretold, ...after } = both(pair, one);
        expect(foretold).toBe(told);
        const { isWanted, byRecheck, byModel } = readability(after);
        expect(byModel).toEqual(expect.arrayContaining(byRecheck));
        // Of the wanted text exactly; of a replaced one the model lets through what both accesses let through.
        expect(isWanted ? byModel : byRecheck).toEqual(byRecheck);
        pair = after;
      }
    }),
    { numRuns: 500 },
  );
});
