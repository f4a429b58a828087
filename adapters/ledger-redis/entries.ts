import type { DocumentRecord } from "#core/document.ts";
import { copyLags } from "#core/ingest/transitions.ts";
import type { GenerationRef } from "#core/ports/ledger.ts";
import { accessClassesOf } from "./access-classes.ts";
import type { Envelope } from "./envelope.ts";
import { generationName, type KeyNames, nameOf } from "./names.ts";
import { type Command, command } from "./script.ts";

/** Whether a document is behind what is wanted under a fingerprint: the only place that decides it. */
export function isLagging(record: DocumentRecord, fingerprint: string): boolean {
  const { wanted, failure, live } = record;
  return wanted !== undefined && failure === undefined && live[fingerprint]?.generation !== wanted.generation;
}

/**
 * The commands that bring every index from one state of a document to the next. All of them follow from the two states alone, so that no
 * command of the ledger can forget one.
 * @param before `undefined` for a new document
 * @param fingerprints those of the registry
 * @param now ms since the epoch: when generations that go are retired
 */
export function indexCommands(
  names: KeyNames,
  before: Envelope | undefined,
  after: Envelope,
  fingerprints: readonly string[],
  now: number,
): Command[] {
  return [
    ...memberCommands(
      before === undefined ? new Map() : membersOf(names, before, fingerprints),
      membersOf(names, after, fingerprints),
    ),
    ...generationCommands(names, before === undefined ? new Map() : heldBy(before), heldBy(after), now),
    ...classCommands(names, before, after),
  ];
}

/** A generation may have been written again after it was retired: it is to be erased once more. */
export function retireAgain(names: KeyNames, ref: GenerationRef, now: number): Command[] {
  const member = generationName(ref);
  return [command(["ZADD", names.retired, now, member]), command(["SREM", names.collecting, member])];
}

/** A member of a sorted set. */
interface Member {
  readonly key: string;
  readonly score: number;
  readonly member: string;
}

/** Where a document stands in the sorted sets. */
export function membersOf(
  names: KeyNames,
  { record, announced }: Envelope,
  fingerprints: readonly string[],
): ReadonlyMap<string, Member> {
  const member = nameOf(record.key);
  const members = new Map<string, Member>();
  const add = (key: string, score = 0): void => void members.set(key, { key, score, member });
  add(names.stored);
  if (record.failure !== undefined) add(names.failed);
  for (const fingerprint of [...announced, ...Object.keys(record.live)]) add(names.indexed(fingerprint));
  if (record.wanted === undefined) return members;
  const acceptedAt = Date.parse(record.wanted.acceptedAt);
  // Also of a document that failed: its older text is live, under access that may have narrowed.
  for (const [fingerprint, live] of Object.entries(record.live)) {
    if (copyLags(record, live)) add(names.copyLagging(fingerprint), acceptedAt);
  }
  if (record.failure !== undefined) return members;
  add(names.due, acceptedAt);
  add(names.dueNames);
  for (const fingerprint of fingerprints.filter((one) => isLagging(record, one))) {
    add(names.lagging(fingerprint), acceptedAt);
    add(names.laggingNames(fingerprint));
  }
  return members;
}

function memberCommands(before: ReadonlyMap<string, Member>, after: ReadonlyMap<string, Member>): Command[] {
  const commands: Command[] = [];
  for (const [name, { key, member }] of before) {
    if (!after.has(name)) commands.push(command(["ZREM", key, member]));
  }
  for (const [name, { key, score, member }] of after) {
    if (before.get(name)?.score !== score) commands.push(command(["ZADD", key, score, member]));
  }
  return commands;
}

/** The generations that may lie in an index and are not to be erased, by name. */
function heldBy({ record, announced }: Envelope): ReadonlyMap<string, GenerationRef> {
  const { key, wanted, live } = record;
  const refs = Object.entries(live).map(([fingerprint, { generation }]) => ({ key, fingerprint, generation }));
  if (wanted !== undefined) {
    for (const fingerprint of announced) refs.push({ key, fingerprint, generation: wanted.generation });
  }
  return new Map(refs.map((ref) => [generationName(ref), ref]));
}

function generationCommands(
  names: KeyNames,
  before: ReadonlyMap<string, GenerationRef>,
  after: ReadonlyMap<string, GenerationRef>,
  now: number,
): Command[] {
  const commands: Command[] = [];
  for (const member of before.keys()) {
    if (!after.has(member)) commands.push(command(["ZADD", names.retired, now, member]));
  }
  for (const member of after.keys()) {
    if (before.has(member)) continue;
    commands.push(command(["ZREM", names.retired, member]), command(["SREM", names.collecting, member]));
  }
  return commands;
}

function classCommands(names: KeyNames, before: Envelope | undefined, after: Envelope): Command[] {
  const gone = before === undefined ? new Map() : accessClassesOf(names, before.record);
  const next = accessClassesOf(names, after.record);
  const name = nameOf(after.record.key);
  const commands: Command[] = [];
  for (const [members, { classes, id }] of gone) {
    if (next.has(members)) continue;
    commands.push(command(["ZREM", members, name]), command(["PRUNE", members, classes, id], classes));
  }
  for (const [members, { classes, id, json }] of next) {
    if (gone.has(members)) continue;
    commands.push(command(["HSET", classes, id, json]), command(["ZADD", members, 0, name]));
  }
  return commands;
}
