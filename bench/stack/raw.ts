import { QdrantClient } from "@qdrant/js-client-rest";
import { Redis } from "ioredis";
import { Post } from "#adapters/index-qdrant/post.ts";
import type { Place } from "./inputs.ts";
import type { Call, Calls } from "./record.ts";

/** Something that sends calls again and reads their answers, with nothing around it. */
export interface RawClient {
  send(calls: Calls): Promise<void>;
  close(): void;
}

// Compressed answers take 40 ms longer (decision 22): not to be held against anybody.
const headers = { "accept-encoding": "identity" };
const timeoutMs = 30_000;

/** By `@qdrant/js-client-rest` and `ioredis`. */
export function byLibrary(place: Place): RawClient {
  const client = new QdrantClient({ url: place.qdrantUrl, checkCompatibility: false, timeout: timeoutMs, headers });
  return rawClient(place, async (path, body) => {
    const [, , name = "", ...rest] = path.split("/");
    const collection = decodeURIComponent(name);
    // Recorded bodies are what the client takes, but for the name of the collection.
    const ask: Readonly<Record<string, () => Promise<unknown>>> = {
      "points/query/batch": () => client.queryBatch(collection, body as Parameters<typeof client.queryBatch>[1]),
      points: () => client.retrieve(collection, body as Parameters<typeof client.retrieve>[1]),
      "points/count": () => client.count(collection, body as Parameters<typeof client.count>[1]),
      "points/scroll": () => client.scroll(collection, body as Parameters<typeof client.scroll>[1]),
    };
    const send = ask[rest.join("/")];
    if (send === undefined) throw new Error(`no such request: ${path}`);
    await send();
  });
}

/** By `node:http` and `JSON.parse`, and `ioredis`: as little as it can be. */
export function byHttp(place: Place): RawClient {
  const post = new Post({ url: place.qdrantUrl, headers });
  return rawClient(place, (path, body) => post.send(path, body, AbortSignal.timeout(timeoutMs)));
}

function rawClient(place: Place, toQdrant: (path: string, body: unknown) => Promise<unknown>): RawClient {
  const redis = new Redis(place.redisUrl);
  const send = async (call: Call): Promise<unknown> => {
    if (call.to === "qdrant") return toQdrant(call.path, call.body);
    const [name = "", ...words] = call.command;
    return redis.call(name, ...words);
  };
  return {
    async send(calls) {
      // Each group waits for the one before, as it did.
      // oxlint-disable-next-line no-await-in-loop
      for (const group of calls) await Promise.all(group.map(send));
    },
    close: () => redis.disconnect(),
  };
}

/** A recorded search of a batch. */
interface RecordedSearch {
  readonly using?: string;
  readonly filter: unknown;
  readonly params?: object;
}

/**
 * The least that an answer could be made of, from the calls that one took: both halves over the caller's filter, ids and scores alone; the texts
 * that were read last; the records of the re-check. No statistics, no features, no look at who is disabled or what replaces what.
 */
export function leastOf(calls: Calls): Calls {
  const all = calls.flat();
  const batch = all.find((call) => call.to === "qdrant" && call.path.endsWith("/batch"));
  const texts = all.findLast((call) => call.to === "qdrant" && call.path.endsWith("-texts/points"));
  const reads = all.filter((call) => call.to === "redis" && call.command[0]?.toLowerCase() === "mget");
  const recheck = reads.toSorted((a, b) => lengthOf(b) - lengthOf(a))[0];
  if (batch?.to !== "qdrant") throw new Error("nothing was searched");
  const { searches } = batch.body as { readonly searches: readonly RecordedSearch[] };
  const halves = (["dense", "terms"] as const).flatMap((half) => {
    const search = searches.find(({ using, filter }) => using === half && JSON.stringify(filter).includes('"tenant"'));
    return search === undefined ? [] : [{ ...search, limit: 100, with_payload: false }];
  });
  return [
    [{ ...batch, body: { searches: halves } }],
    ...(recheck === undefined ? [] : [[recheck]]),
    ...(texts === undefined ? [] : [[texts]]),
  ];
}

const lengthOf = (call: Call): number => (call.to === "redis" ? call.command.length : 0);
