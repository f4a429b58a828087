import { Redis } from "ioredis";
import { recordingProxy } from "#test/kit/qdrant-recording.ts";
import type { Place } from "./inputs.ts";
import { type Service, startService } from "./service.ts";

/** A request to a server that answering a question took. */
export type Call =
  | { readonly to: "qdrant"; readonly path: string; readonly body: unknown }
  | { readonly to: "redis"; readonly command: readonly string[] };

/** Calls that were under way at the same time; one group after the other is a question's whole way. */
export type Calls = readonly (readonly Call[])[];

/** Keys of the ledger begin so; what traces and the queue do is not part of an answer's way. */
const ledgerKeys = "{reticent}:";

/**
 * Asks a service that stands behind a recording proxy, while Redis names every command that it is given.
 * @returns for each question the calls that it took
 */
export async function recordCalls(
  place: Place,
  ask: (service: Service) => readonly (() => Promise<unknown>)[],
): Promise<readonly Calls[]> {
  const proxy = await recordingProxy(place.qdrantUrl);
  const redis = new Redis(place.redisUrl);
  const monitor = await redis.monitor();
  const commands: { readonly at: number; readonly command: readonly string[] }[] = [];
  monitor.on("monitor", (time: string, words: readonly string[], source: string) => {
    // What a script does is part of the command that ran it.
    if (source !== "lua") commands.push({ at: Number(time) * 1_000, command: words.map(unescaped) });
  });
  const service = await startService({ ...place, qdrantUrl: proxy.url }, "query");
  const recorded: Calls[] = [];
  for (const one of ask(service)) {
    const [exchangesBefore, commandsBefore] = [proxy.exchanges.length, commands.length];
    // oxlint-disable-next-line no-await-in-loop
    await one();
    // The monitor's own connection may be a little behind: what comes after this has been told.
    // oxlint-disable-next-line no-await-in-loop
    await seen(redis, commands);
    const ofRedis = commands
      .slice(commandsBefore)
      .filter(({ command }) => command.some((word) => word.startsWith(ledgerKeys)))
      .map(({ at, command }) => ({ from: at, to: at, call: { to: "redis" as const, command } }));
    const ofQdrant = proxy.exchanges
      .slice(exchangesBefore)
      // Questions are sent by POST alone: a GET is the look, from time to time, at whether the collection is still the same.
      .filter(({ request: { method } }) => method === "POST")
      .map(({ request: { path, body }, from, to }) => ({ from, to, call: { to: "qdrant" as const, path, body } }));
    recorded.push(grouped([...ofRedis, ...ofQdrant]));
  }
  await service.close();
  monitor.disconnect();
  redis.disconnect();
  await proxy.close();
  return recorded;
}

/** A word as it was sent, from the way that Redis prints it. */
function unescaped(word: string): string {
  return word.replaceAll(/\\(?:x([0-9a-f]{2})|(.))/gu, (_all, byte: string | undefined, sign: string) =>
    byte === undefined ? (controls[sign] ?? sign) : String.fromCharCode(Number.parseInt(byte, 16)),
  );
}

const controls: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", a: "\u0007", b: "\b" };

async function seen(redis: Redis, commands: readonly { readonly command: readonly string[] }[]): Promise<void> {
  const mark = `seen-${Math.random()}`;
  await redis.echo(mark);
  while (!commands.some(({ command }) => command.includes(mark))) {
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
}

interface Spanned {
  readonly from: number;
  readonly to: number;
  readonly call: Call;
}

/** A call begins a new group when every one of the group before had ended; commands of Redis that follow each other go together. */
function grouped(spans: readonly Spanned[]): Calls {
  const groups: Call[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  let isRedis = false;
  for (const { from, to, call } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = groups.at(-1);
    if (last !== undefined && (from < end || (isRedis && call.to === "redis"))) last.push(call);
    else groups.push([call]);
    isRedis = call.to === "redis" && (last === undefined || isRedis || groups.at(-1)?.length === 1);
    end = Math.max(end, to);
  }
  return groups;
}
