import { seededRandom } from "#core/calibration/bootstrap.ts";
import { readers, tenants } from "./cast.ts";
import type { Counts, Recoveries } from "./figures.ts";
import type { Reader } from "./model/access.ts";
import type { TrackedDocument, Violation, World } from "./model/world.ts";
import type { Call, Reply } from "./stack/http.ts";
import type { Service } from "./stack/service.ts";
import type { Stack } from "./stack/stack.ts";

/** A narrowing change that was acknowledged: who asks now must not get it any more. */
export interface Narrowed {
  readonly document: TrackedDocument;
  readonly reader: Reader;
}

/** What all actors of a run share. */
export interface Chaos {
  readonly world: World;
  readonly stack: Stack;
  readonly tokens: { of(reader: Reader): string; writer(tenant: string): string };
  readonly deadlineMs: number;
  /** Requests that write, and what came of each. */
  readonly writes: Counts;
  readonly reads: Counts;
  readonly recoveries: Recoveries;
  /** The latest narrowing changes, newest last. */
  readonly narrowed: Narrowed[];
  /** Who certainly finds what, as far as was seen. */
  readonly found: Narrowed[];
  /** Documents whose content was changed last, newest last: two generations of them may be in the index. */
  readonly changed: TrackedDocument[];
  /** Documents whose content was changed and has not been seen live. */
  readonly unseen: Set<TrackedDocument>;
  readonly startedAt: number;
  report(violation: Violation): void;
  /** A generator of its own for each actor. */
  random(actor: number): () => number;
}

/** One of a list. @throws Error for an empty one */
export function oneOf<T>(random: () => number, list: readonly T[]): T {
  const one = list[Math.floor(random() * list.length)];
  if (one === undefined) throw new Error("nothing to choose from");
  return one;
}

/** One of the indexers: mostly one that listens, as behind a load balancer, at times any. */
export const anIndexer = ({ stack }: Chaos, random: () => number): Service => balanced(random, stack.indexers);
/** One of the query processes, likewise. */
export const aQuery = ({ stack }: Chaos, random: () => number): Service => balanced(random, stack.queries);

function balanced(random: () => number, services: readonly Service[]): Service {
  const up = services.filter(({ isUp }) => isUp);
  return oneOf(random, up.length > 0 && random() < 0.9 ? up : services);
}

/** Signs the tokens of everybody in the test. */
export async function signTokens(stack: Stack): Promise<Chaos["tokens"]> {
  const ofReader = new Map<string, string>();
  for (const reader of readers) ofReader.set(reader.name, await stack.token(reader));
  const ofWriter = new Map<string, string>();
  for (const tenant of tenants) {
    ofWriter.set(tenant, await stack.token({ tenant, user: "writer", groups: ["writers"] }));
  }
  return {
    of: ({ name }) => ofReader.get(name) ?? "",
    writer: (tenant) => ofWriter.get(tenant) ?? "",
  };
}

/** A reply with the logical times of sending and of the whole answer. */
export interface Timed {
  readonly from: number;
  readonly to: number;
  readonly reply: Reply;
}

/**
 * Sends a request to one process. A connection may break only while the process is killed; an answer other than a success has to be one of the
 * expected codes, or an outage.
 */
export async function send(chaos: Chaos, service: Service, call: Call, sign: string): Promise<Timed> {
  const { epoch, isUp } = service;
  const from = chaos.world.tick();
  const sentAt = performance.now();
  const reply = await service.send(call);
  const to = chaos.world.tick();
  if (reply.kind === "answer") {
    if (reply.status < 400) {
      chaos.recoveries.worked(sign, sentAt);
      chaos.recoveries.worked(`${sign}:${service.name}`, sentAt);
    }
  } else if (isUp && service.epoch === epoch) {
    const why = reply.kind === "cut" ? reply.why : "refused";
    chaos.report({ kind: "connection-lost", message: `${service.name} lives, and ${call.method} got: ${why}` });
  }
  return { from, to, reply };
}

/** Codes of the documented answers for a dependency that is away. */
export const outageCodes: readonly string[] = [
  "ledger-unavailable",
  "index-unavailable",
  "traces-unavailable",
  "retrieval-contended",
  "deadline-exceeded",
];

/** Whether an answer is a documented one for a dependency that is away. */
export const isOutage = (reply: Reply): boolean =>
  reply.kind === "answer" && reply.status === 503 && outageCodes.includes(reply.code);

/** A line in a document's history. */
export function note(chaos: Pick<Chaos, "world" | "startedAt">, document: TrackedDocument, text: string): void {
  const seconds = ((performance.now() - chaos.startedAt) / 1_000).toFixed(3);
  document.log.push(`${seconds} s  ${text}`);
}

/** Generators that a seed and the actor's number decide. */
export const randomOf =
  (seed: number) =>
  (actor: number): (() => number) =>
    seededRandom(seed * 7_919 + actor * 104_729);
