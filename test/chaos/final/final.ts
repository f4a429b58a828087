import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { sizeProbe } from "#adapters/index-qdrant/terms.ts";
import { documentStatusSchema } from "#services/indexer/status.ts";
import { countMissing } from "../actors/look-up.ts";
import { ask } from "../actors/readers.ts";
import { readers, sources, tenants } from "../cast.ts";
import { type Chaos, oneOf } from "../context.ts";
import { mayRead, type Reader } from "../model/access.ts";
import type { TrackedDocument, Violation } from "../model/world.ts";
import type { Service } from "../stack/service.ts";
import { allBodies, compareBodies } from "./compare-bodies.ts";
import { compareIndex } from "./compare-index.ts";
import { compareListing, compareRecords, type StoredRecord } from "./compare-records.ts";
import { pages } from "./pages.ts";
import { allPoints, collectionsOf } from "./qdrant.ts";

/** Figures of the last comparison. */
export interface FinalFigures {
  /** ms until nothing waited to be indexed, and until nothing more was left of what was replaced. */
  readonly settledMs: number;
  readonly cleanMs: number;
  readonly documents: number;
  readonly points: number;
  /** Texts in the content store. */
  readonly bodies: number;
  readonly listings: number;
  readonly questions: number;
}

/** Longest time for the deployment to come to rest after the last kill, ms. */
const restMs = 180_000;

/** Waits until everything is at rest, then compares everything with the model. */
export async function checkAtRest(chaos: Chaos, questionsOfEach: number): Promise<FinalFigures> {
  const begun = performance.now();
  const random = chaos.random(400);
  const { world, stack, report } = chaos;
  const isIndexed = await until(async () => (await countMissing(chaos, random)) === 0);
  if (!isIndexed) report({ kind: "no-rest", message: "documents still wait to be indexed" });
  const settledMs = performance.now() - begun;
  const { chunks } = compareRecords(world, await allRecords(chaos, random));
  let points = 0;
  let left: readonly Violation[] = [];
  // What was replaced stays for requests in flight until the grace is over.
  await until(async () => {
    const names = await collectionsOf(stack.qdrant.url);
    // Beside the chunks there is the one point that says how many chunks a filter selects.
    const search = (await allPoints(stack.qdrant.url, names.search, searchFields)).filter(
      ({ id }) => id !== sizeProbe.id,
    );
    const texts = await allPoints(stack.qdrant.url, names.texts, ["text", "generation"]);
    points = search.length;
    left = compareIndex(world, { search, texts }, chunks);
    return left.length === 0;
  });
  for (const violation of left) report(violation);
  const cleanMs = performance.now() - begun;
  for (const violation of compareRecords(world, await allRecords(chaos, random)).violations) report(violation);
  const bodies = await stack.ledger.run(allBodies);
  for (const violation of compareBodies(world, bodies)) report(violation);
  const listings = await compareListings(chaos, random);
  const questions = await askEverybody(chaos, random, questionsOfEach);
  return { settledMs, cleanMs, documents: world.documents.length, points, bodies: bodies.length, listings, questions };
}

const searchFields = [
  "tenant",
  "source",
  "document",
  "generation",
  "grants",
  "denies",
  "labels",
  "other_grants",
  "access_revision",
];

/** Looks again and again. @returns false when it took too long */
async function until(isDone: () => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + restMs;
  while (!(await isDone())) {
    if (performance.now() > end) return false;
    await sleep(1_000);
  }
  return true;
}

const listing = z.object({ documents: z.array(documentStatusSchema), next_cursor: z.string().nullable() });
const names = z.object({
  documents: z.array(z.object({ source: z.string(), id: z.string() })),
  next_cursor: z.string().nullable(),
});

/** Everything that is stored. */
async function allRecords(chaos: Chaos, random: () => number): Promise<readonly StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const tenant of tenants) {
    for (const source of sources) {
      const path = `/v1/documents?state=stored&limit=1000&source=${source}`;
      const listed = await pages(chaos, random, path, chaos.tokens.writer(tenant), (body) => listing.parse(body));
      records.push(...listed.map((status) => ({ tenant, status })));
    }
  }
  return records;
}

/** What each reader sees, by the index's filter and by the re-check, against the model. @returns the number of lists */
async function compareListings(chaos: Chaos, random: () => number): Promise<number> {
  let count = 0;
  for (const reader of readers) {
    const mine = visibleTo(chaos, reader);
    // Whoever lists by the filter has to be allowed to; no access list names this group.
    const token = await chaos.stack.token({ ...reader, groups: [...reader.groups, "explainers"] });
    for (const via of ["", "&via=filter"]) {
      const found = await pages(chaos, random, `/v1/documents?limit=1000${via}`, token, (body) => names.parse(body));
      const listed = new Set(found.map(({ source, id }) => chaos.world.find(reader.tenant, source, id)));
      const how = via === "" ? "the re-check" : "the filter";
      for (const violation of compareListing(reader.name, how, mine, listed)) chaos.report(violation);
      count += 1;
    }
  }
  return count;
}

/** Asks every reader for some documents, through both processes: found, or an abstention, as the model says. */
async function askEverybody(chaos: Chaos, random: () => number, questionsOfEach: number): Promise<number> {
  let count = 0;
  for (const reader of readers) {
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
