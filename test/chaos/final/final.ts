import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { documentStatusSchema } from "#services/indexer/status.ts";
import { countMissing } from "../actors/look-up.ts";
import { ask } from "../actors/readers.ts";
import { factsOfStatus } from "../actors/write.ts";
import { readers, sources, tenants } from "../cast.ts";
import { anIndexer, type Chaos, oneOf, send } from "../context.ts";
import { mayRead, type Reader } from "../model/access.ts";
import { factsKey, factsOf } from "../model/document.ts";
import type { TrackedDocument, Violation } from "../model/world.ts";
import type { Service } from "../stack/service.ts";
import { type ChunkCounts, compareIndex } from "./compare-index.ts";
import { allPoints, collectionsOf } from "./qdrant.ts";

/** Figures of the last comparison. */
export interface FinalFigures {
  /** ms until nothing waited to be indexed, and until nothing more was left of what was replaced. */
  readonly settledMs: number;
  readonly cleanMs: number;
  readonly documents: number;
  readonly points: number;
  readonly listings: number;
  readonly questions: number;
}

/** Longest time for the deployment to come to rest after the last kill, ms. */
const restMs = 180_000;

/** Waits until everything is at rest, then compares everything with the model. */
export async function checkAtRest(chaos: Chaos, questionsOfEach: number): Promise<FinalFigures> {
  const begun = performance.now();
  const random = chaos.random(400);
  await eventually(chaos, "documents still wait to be indexed", async () => (await countMissing(chaos, random)) === 0);
  const settledMs = performance.now() - begun;
  // Whoever failed, or is not what it should be, shows up here; what the index still holds for requests in flight goes after the grace.
  let chunks = await compareLedger(chaos, random);
  let points = 0;
  const look = async (): Promise<readonly Violation[]> => {
    const names = await collectionsOf(chaos.stack.qdrant.url);
    const fields = [
      "tenant",
      "source",
      "id",
      "generation",
      "grants",
      "denies",
      "labels",
      "other_grants",
      "access_revision",
    ];
    const search = await allPoints(chaos.stack.qdrant.url, names.search, fields);
    const texts = await allPoints(chaos.stack.qdrant.url, names.texts, ["text", "generation"]);
    points = search.length;
    return compareIndex(chaos.world, { search, texts }, chunks.counts);
  };
  const until = performance.now() + restMs;
  let left = await look();
  while (left.length > 0 && performance.now() < until) {
    await sleep(2_000);
    left = await look();
  }
  for (const violation of left) chaos.report(violation);
  const cleanMs = performance.now() - begun;
  chunks = await compareLedger(chaos, random);
  for (const violation of chunks.violations) chaos.report(violation);
  const listings = await compareListings(chaos, random);
  const questions = await askEverybody(chaos, random, questionsOfEach);
  return { settledMs, cleanMs, documents: chaos.world.documents.length, points, listings, questions };
}

async function eventually(chaos: Chaos, what: string, isDone: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + restMs;
  while (!(await isDone())) {
    if (performance.now() > until) {
      chaos.report({ kind: "no-rest", message: what });
      return;
    }
    await sleep(500);
  }
}

const listing = z.object({ documents: z.array(documentStatusSchema), next_cursor: z.string().nullable() });
const names = z.object({
  documents: z.array(z.object({ source: z.string(), id: z.string() })),
  next_cursor: z.string().nullable(),
});

/** Every document of the model against what is stored, and the other way round. */
async function compareLedger(
  chaos: Chaos,
  random: () => number,
): Promise<{ readonly counts: ChunkCounts; readonly violations: readonly Violation[] }> {
  const violations: Violation[] = [];
  const counts = new Map<TrackedDocument, number>();
  const seen = new Set<TrackedDocument>();
  for (const tenant of tenants) {
    for (const source of sources) {
      const path = `/v1/documents?state=stored&limit=1000&source=${source}`;
      const token = chaos.tokens.writer(tenant);
      for (const status of await pages(chaos, random, path, token, (body) => listing.parse(body))) {
        const document = chaos.world.find(tenant, source, status.id);
        if (document === undefined) {
          violations.push({ kind: "unknown-document", message: `${source}/${status.id} is stored and was never sent` });
          continue;
        }
        seen.add(document);
        const state = document.settled;
        const facts = state === undefined ? undefined : factsOf(state);
        if (document.isBroken || state === undefined) continue;
        const isRight = facts !== undefined && factsKey(facts) === factsKey(factsOfStatus(status));
        const isLive =
          state.content === null
            ? status.state === "deleted" && status.live_generation === null
            : status.state === "searchable" &&
              status.live_generation === state.generation &&
              status.live_version === state.content.version;
        if (!isRight || !isLive) {
          const message = `${source}/${status.id} is ${JSON.stringify(status)} instead of ${JSON.stringify(facts)}`;
          violations.push({ kind: isRight ? "not-live" : "wrong-record", message, document });
        }
        if (status.live_chunks !== null) counts.set(document, status.live_chunks);
      }
    }
  }
  for (const document of chaos.world.documents) {
    const isStored = document.settled?.exists ?? true;
    if (isStored && !seen.has(document) && !document.isBroken) {
      violations.push({ kind: "lost-document", message: `${document.source}/${document.id} is not stored`, document });
    }
  }
  return { counts, violations };
}

/** What each reader sees, by the index's filter and by the re-check, against the model. @returns the number of listings */
async function compareListings(chaos: Chaos, random: () => number): Promise<number> {
  let count = 0;
  for (const reader of readers) {
    if (isRefused(chaos, reader)) continue;
    const mine = visibleTo(chaos, reader);
    // Whoever lists by the filter has to be allowed to; no access list names this group.
    const token = await chaos.stack.token({ ...reader, groups: [...reader.groups, "explainers"] });
    for (const via of ["", "&via=filter"]) {
      const found = await pages(chaos, random, `/v1/documents?limit=1000${via}`, token, (body) => names.parse(body));
      count += 1;
      const told = new Set(found.map(({ source, id }) => chaos.world.find(reader.tenant, source, id)));
      const how = via === "" ? "the re-check" : "the filter";
      for (const document of mine) {
        if (!told.has(document) && !document.isBroken) {
          chaos.report({
            kind: "not-listed",
            message: `${reader.name} does not see ${document.id} by ${how}`,
            document,
          });
        }
      }
      for (const document of told) {
        if (document === undefined || (!mine.has(document) && !document.isBroken)) {
          const kind = { kind: "listed-though-hidden", message: `${reader.name} sees ${document?.id} by ${how}` };
          chaos.report(document === undefined ? kind : { ...kind, document });
        }
      }
    }
  }
  return count;
}

/** Asks every reader for some documents, through both processes: found, or an abstention, as the model says. */
async function askEverybody(chaos: Chaos, random: () => number, questionsOfEach: number): Promise<number> {
  let count = 0;
  for (const reader of readers) {
    if (isRefused(chaos, reader)) continue;
    const own = chaos.world.documents.filter(({ tenant, isBroken }) => tenant === reader.tenant && !isBroken);
    const mine = visibleTo(chaos, reader);
    // At rest, whoever may read a document finds it.
    for (const document of mine) document.sawPublished(chaos.world.tick());
    for (let at = 0; at < questionsOfEach; at += 1) {
      const document = at % 2 === 0 && mine.size > 0 ? oneOf(random, [...mine]) : oneOf(random, own);
      const query: Service | undefined = chaos.stack.queries[at % chaos.stack.queries.length];
      if (query === undefined) continue;
      const outcome = await ask(chaos, query, reader, document);
      count += 1;
      if (outcome !== (mine.has(document) ? "answered" : "abstained")) {
        chaos.report({
          kind: "wrong-outcome",
          message: `${reader.name}: ${document.id} came to: ${outcome}`,
          document,
        });
      }
    }
  }
  return count;
}

function visibleTo(chaos: Chaos, reader: Reader): Set<TrackedDocument> {
  return new Set(
    chaos.world.documents.filter(({ tenant, source, settled }) => {
      return settled !== undefined && settled.content !== null && mayRead(reader, tenant, source, settled.access);
    }),
  );
}

function isRefused(chaos: Chaos, reader: Reader): boolean {
  const now = chaos.world.tick();
  return chaos.world.admission(reader, now - 1, now + 1).mayBeRefused;
}

/** All items of a list, through the indexers in turn; nothing is killed any more, so every page has to come. */
async function pages<T>(
  chaos: Chaos,
  random: () => number,
  path: string,
  token: string,
  parse: (body: unknown) => { readonly documents: readonly T[]; readonly next_cursor: string | null },
): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const place: string = cursor === null ? "" : `&cursor=${cursor}`;
    const call = { method: "GET", path: `${path}${place}`, token } as const;
    const { reply } = await send(chaos, anIndexer(chaos, random), call, "list");
    if (reply.kind !== "answer" || reply.status !== 200) {
      const got = reply.kind === "answer" ? `${reply.status} ${reply.code}` : reply.kind;
      chaos.report({ kind: "unexpected-answer", message: `a list got ${got} with everything at rest` });
      return items;
    }
    const page = parse(reply.body);
    items.push(...page.documents);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return items;
}
