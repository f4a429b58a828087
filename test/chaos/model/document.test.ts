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
import { type DocumentOperation, documentMachine, factsKey, factsOf, mayShow } from "./document.ts";

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
const operation: fc.Arbitrary<DocumentOperation | { readonly kind: "publish" }> = fc.oneof(
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

test("the model foretells every answer of the service's rules, and shows all that the re-check lets through", () => {
  // The put's number is part of what it holds, so the same number with another access is another request: a conflict, as in the service.
  const distinct = (one: DocumentOperation): DocumentOperation =>
    one.kind === "put" ? { ...one, access: { acl: [], labels: [], ...accessOfPut.get(one.content.put) } } : one;
  const accessOfPut = new Map<number, Access>([
    [1, { acl: [{ access_type: "grant", type: "group", value: "a" }], labels: [] }],
    [2, { acl: [{ access_type: "grant", type: "everyone" }], labels: ["secret"] }],
    [3, { acl: [{ access_type: "grant", type: "group", value: "b" }], labels: ["draft"] }],
  ]);
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
      let state = documentMachine.initial;
      let record: DocumentRecord | undefined;
      for (const one of operations) {
        if (one.kind === "publish") {
          record = record === undefined ? undefined : publish(record);
        } else {
          const expected = real(record, distinct(one));
          const step = documentMachine.step(state, distinct(one));
          expect(step.answer.outcome).toBe(expected.outcome);
          ({ state } = step);
          record = expected.record ?? record;
        }
        if (record === undefined) continue;
        const facts = factsOf(state);
        expect(facts === undefined ? undefined : factsKey(facts)).toBe(
          factsKey({
            isDeleted: record.wanted === undefined,
            version: record.wanted?.version ?? record.tombstone?.version ?? null,
            generation: record.wanted?.generation ?? null,
            revision: record.accessRevision,
            accessHash: record.wanted === undefined ? null : accessHash(record.access),
          }),
        );
        const live = record.live[fingerprint];
        if (live === undefined) continue;
        const [, put] = /p(\d+)d/.exec(live.title) ?? [];
        const content = { version: live.version, put: Number(put) };
        const isWanted = live.generation === record.wanted?.generation;
        for (const reader of readers.filter(({ tenant }) => tenant === "one")) {
          const isReadable = isReadableNow(record, asks(reader), fingerprint);
          const mayBe = mayShow(state, reader, "one", "wiki", content);
          if (isReadable) expect(mayBe).toBe(true);
          if (isWanted) expect(mayBe).toBe(isReadable);
        }
      }
    }),
    { numRuns: 500 },
  );
});
