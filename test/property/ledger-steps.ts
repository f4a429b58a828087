import * as fc from "fast-check";
import type { Access, AccessToken } from "#core/access/acl.ts";
import { AppError } from "#core/errors.ts";
import { lostCopy } from "#core/ingest/transitions.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { keyOf, noQuality, putOf, visibleTo } from "#test/kit/documents.ts";
import type { LedgerModel } from "./ledger-model.ts";

/** The fingerprint that the steps index under. */
export const fingerprint = "fingerprint-a";
/** The documents of the steps. */
export const ids = ["a", "b", "c"];
const id = fc.constantFrom(...ids);
const version = fc.integer({ min: 1, max: 6 });
const token = fc.constantFrom<AccessToken>("everyone", "user:erin", "group:hr");
const tokens = fc.uniqueArray(token, { maxLength: 2 }).map((list) => list.toSorted());
const access: fc.Arbitrary<Access> = fc.record({
  grants: tokens,
  denies: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: tokens }),
  labels: fc.constantFrom<readonly string[]>([], [], ["confidential"]),
});
const expected = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined, freq: 3 });
/** How far behind what is wanted a worker is: 0 = not at all. */
const behind = fc.constantFrom(0, 0, 0, 1);

/** Any one command, in a form that a model can follow. */
export const step = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    id,
    version,
    body: fc.constantFrom("x", "y"),
    access,
    mayShare: fc.constantFrom(true, true, false),
    expected,
  }),
  fc.record({ kind: fc.constant("access" as const), id, access, expected }),
  fc.record({ kind: fc.constant("delete" as const), id, version }),
  fc.record({ kind: fc.constant("publish" as const), id, behind, revisionBehind: behind }),
  fc.record({ kind: fc.constant("publish" as const), id, behind: fc.constant(0), revisionBehind: fc.constant(0) }),
  fc.record({ kind: fc.constant("fail" as const), id, behind }),
  fc.record({ kind: fc.constant("lose" as const), id, behind }),
  fc.record({ kind: fc.constant("collect" as const) }),
  fc.record({ kind: fc.constant("reopen" as const) }),
);
/** One of {@link step}. */
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Callers with different rights. */
export const filters = [
  visibleTo([]),
  visibleTo(["user:erin"]),
  visibleTo(["group:hr"], { deniedLabels: ["confidential"] }),
  visibleTo(["user:erin", "group:hr"]),
];

/** What a command gave: its outcome, or the code of its refusal. */
export async function outcomeOf(command: Promise<{ readonly outcome: string } | object>): Promise<string> {
  try {
    const result = await command;
    return "outcome" in result ? result.outcome : "done";
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

/** What the ledger says, and what it should say. */
export interface Comparison {
  readonly said: unknown;
  readonly promised: unknown;
}

/** Does a step with ledger and model alike. */
export async function take(ledger: Ledger, model: LedgerModel, now: number, one: Step): Promise<Comparison> {
  if (one.kind === "reopen") return { said: "nothing", promised: "nothing" };
  if (one.kind === "collect") return collect(ledger, model, now);
  const key = keyOf(one.id);
  const known = model.documents.get(one.id);
  if (one.kind === "put") {
    const supersedes = one.body === "y" ? [{ source: "wiki", id: "a" }] : [];
    const put = putOf(key, { ...one, quality: { ...noQuality, supersedes } });
    const command = one.expected === undefined ? put : { ...put, expectedAccessRevision: one.expected };
    return { said: await outcomeOf(ledger.putDocument(command)), promised: model.put(one.id, one) };
  }
  if (one.kind === "access") {
    const command = { key, access: one.access };
    const sent = one.expected === undefined ? command : { ...command, expectedAccessRevision: one.expected };
    return { said: await outcomeOf(ledger.putAccess(sent)), promised: model.access(one.id, one.access, one.expected) };
  }
  if (one.kind === "delete") {
    const said = await outcomeOf(ledger.deleteDocument({ key, version: one.version }));
    return { said, promised: model.delete(one.id, one.version) };
  }
  const generation = Math.max(1, (known?.generation ?? 1) - one.behind);
  if (one.kind === "lose") {
    await ledger.lostByIndex({ key, generation, fingerprint });
    model.lose(one.id, generation);
    return { said: "noted", promised: "noted" };
  }
  if (one.kind === "fail") {
    await ledger.fail(key, { generation, code: "no-text", message: "", failedAt: new Date(now).toISOString() });
    model.fail(one.id, generation);
    return { said: "noted", promised: "noted" };
  }
  const ref = { key, generation, fingerprint };
  const accessRevision = (known?.revision ?? 1) - one.revisionBehind;
  const isWanted = known !== undefined && !known.isDeleted && known.generation === generation;
  const announced = await ledger.announce(ref);
  const outcome = await ledger.publish({
    ...ref,
    contentVersion: known?.version ?? 1,
    accessRevision,
    chunkCount: 1,
    accessPlaced: true,
  });
  return { said: [announced, outcome], promised: [isWanted, model.publish(one.id, generation, accessRevision)] };
}

/** Collects everything that is handed out: nothing that is live, or wanted, may ever be. */
async function collect(ledger: Ledger, model: LedgerModel, now: number): Promise<Comparison> {
  const generations = await ledger.collectable(now, 100);
  for (const generation of generations) await ledger.collected(generation);
  const inUse = generations.filter(({ key, generation }) => {
    const known = model.documents.get(key.id);
    return known !== undefined && !known.isDeleted && [known.live, known.generation].includes(generation);
  });
  return { said: inUse, promised: [] };
}

/** Rows and bodies against the model. */
export async function compareRecords(ledger: Ledger, model: LedgerModel): Promise<Comparison> {
  const records = await ledger.read(ids.map((one) => keyOf(one)));
  const said = await Promise.all(
    records.map(
      async (record) =>
        record && {
          version: record.wanted?.version ?? record.tombstone?.version,
          isDeleted: record.tombstone !== undefined,
          access: record.access,
          revision: record.accessRevision,
          generation: record.lastGeneration,
          live: record.live[fingerprint]?.generation,
          hasFailed: record.failure !== undefined,
          isLost: record.live[fingerprint]?.indexedAccess === lostCopy,
          hasBody: (await ledger.readBody(record.key, record.lastGeneration)) !== undefined,
        },
    ),
  );
  const promised = ids.map((one) => {
    const known = model.documents.get(one);
    if (known === undefined) return undefined;
    const { request: _request, restrictions: _restrictions, ...facts } = known;
    return { ...facts, hasBody: !known.isDeleted };
  });
  const lagging = ids.filter((one) => {
    const known = model.documents.get(one);
    return known !== undefined && !known.isDeleted && !known.hasFailed && known.live !== known.generation;
  });
  const saidLagging = (await ledger.lagging(fingerprint, 10)).map((key) => key.id).toSorted();
  return { said: [said, saidLagging], promised: [promised, lagging] };
}
