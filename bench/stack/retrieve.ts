import { loadavg } from "node:os";
import { round, type Timing } from "../index/figures.ts";
import { questionAbout } from "../retrieve/corpus.ts";
import { shares } from "./collection.ts";
import { processorMs, spread, timed } from "./figures.ts";
import type { Place } from "./inputs.ts";
import { byHttp, byLibrary, leastOf } from "./raw.ts";
import { type Calls, recordCalls } from "./record.ts";
import { type Service, startService } from "./service.ts";

/** Figures for callers who see one share of the collection; times in ms. */
export interface RetrieveFigures {
  readonly percent: number;
  /** From request to response. */
  readonly retrieve: Timing;
  /** The same calls to Qdrant and Redis, sent again by the client libraries, and by `node:http`. */
  readonly calls: Timing;
  readonly callsByHttp: Timing;
  /** Both halves, texts and records alone. */
  readonly least: Timing;
  readonly leastByHttp: Timing;
  /** p50 of `retrieve` by p50 of each. */
  readonly toCalls: number;
  readonly toCallsByHttp: number;
  readonly toLeast: number;
  readonly toLeastByHttp: number;
  readonly requestsToQdrant: number;
  readonly commandsToRedis: number;
  readonly answered: number;
  /** Processor time per question: of the service, of Qdrant for it, and of Qdrant for the least. */
  readonly serviceCpuMs: number;
  readonly qdrantCpuMs: number;
  readonly qdrantLeastCpuMs: number;
  readonly load: number;
}

const warmUp = 5;

/**
 * Asks a query process questions over HTTP, one after the other, and in between sends the calls again that each of them took.
 * @param questions how many per share
 * @param qdrantPid for its processor time, where it is known
 */
export async function measureRetrieve(
  place: Place,
  documents: number,
  questions: number,
  qdrantPid: number | undefined,
  progress: (what: string) => void,
): Promise<readonly RetrieveFigures[]> {
  const ask = (service: Service, group: string) => (number: number) =>
    service.call(group, "POST", "/v1/retrieve", { query: questionAbout((number * 37) % documents, number) });
  const numbers = Array.from({ length: warmUp + questions }, (_, number) => number);
  progress("recording");
  const recorded = await recordCalls(place, (one) =>
    shares.flatMap(({ group }) => numbers.map((number) => () => ask(one, group)(number))),
  );
  const service = await startService(place, "query");
  const clients = { library: byLibrary(place), http: byHttp(place) };
  const figures: RetrieveFigures[] = [];
  for (const [at, { percent, group }] of shares.entries()) {
    progress(`${percent} % visible`);
    const calls = recorded.slice(at * numbers.length, (at + 1) * numbers.length);
    // oxlint-disable-next-line no-await-in-loop
    figures.push({ percent, ...(await measureShare(service, ask(service, group), clients, calls, qdrantPid)) });
  }
  for (const client of Object.values(clients)) client.close();
  await service.close();
  return figures;
}

async function measureShare(
  service: Service,
  ask: (number: number) => Promise<Readonly<Record<string, unknown>>>,
  { library, http }: Readonly<Record<"library" | "http", ReturnType<typeof byHttp>>>,
  recorded: readonly Calls[],
  qdrantPid: number | undefined,
): Promise<Omit<RetrieveFigures, "percent">> {
  const taken = { retrieve: [], calls: [], callsByHttp: [], least: [], leastByHttp: [] } as {
    readonly [Name in "retrieve" | "calls" | "callsByHttp" | "least" | "leastByHttp"]: number[];
  };
  const spent = { service: 0, qdrant: 0, qdrantLeast: 0 };
  let answered = 0;
  for (const [number, calls] of recorded.entries()) {
    const least = leastOf(calls);
    const isCounted = number >= warmUp;
    const before = { service: await service.cpuMs(), qdrant: processorMs(qdrantPid) };
    const steps = {
      retrieve: async () => {
        const { outcome } = await ask(number);
        if (isCounted && outcome === "answered") answered += 1;
      },
      leastByHttp: () => http.send(least),
      least: () => library.send(least),
      callsByHttp: () => http.send(calls),
      calls: () => library.send(calls),
    };
    for (const [name, step] of Object.entries(steps)) {
      const cpu = processorMs(qdrantPid);
      // One at a time: what is measured is the way of a question, not a queue.
      // oxlint-disable-next-line no-await-in-loop
      const ms = await timed(step);
      if (!isCounted) continue;
      taken[name as keyof typeof taken].push(ms);
      if (name === "retrieve") {
        spent.qdrant += processorMs(qdrantPid) - before.qdrant;
        // oxlint-disable-next-line no-await-in-loop
        spent.service += (await service.cpuMs()) - before.service;
      }
      if (name === "leastByHttp") spent.qdrantLeast += processorMs(qdrantPid) - cpu;
    }
  }
  const counted = recorded.slice(warmUp).map((calls) => calls.flat());
  const mean = (sum: number) => round(sum / counted.length);
  const timings = {
    retrieve: spread(taken.retrieve),
    calls: spread(taken.calls),
    callsByHttp: spread(taken.callsByHttp),
    least: spread(taken.least),
    leastByHttp: spread(taken.leastByHttp),
  };
  const ratio = (name: keyof typeof timings) => round(timings.retrieve.p50 / timings[name].p50);
  const callsTo = (to: "qdrant" | "redis") =>
    mean(counted.reduce((sum, calls) => sum + calls.filter((call) => call.to === to).length, 0));
  return {
    ...timings,
    toCalls: ratio("calls"),
    toCallsByHttp: ratio("callsByHttp"),
    toLeast: ratio("least"),
    toLeastByHttp: ratio("leastByHttp"),
    requestsToQdrant: callsTo("qdrant"),
    commandsToRedis: callsTo("redis"),
    answered,
    serviceCpuMs: mean(spent.service),
    qdrantCpuMs: mean(spent.qdrant),
    qdrantLeastCpuMs: mean(spent.qdrantLeast),
    load: round(loadavg()[0] ?? 0, 1),
  };
}
