import { randomUUID } from "node:crypto";
import { AppError } from "#core/errors.ts";
import type { IndexStand } from "#core/ports/index.ts";
import { examineSearch, examineTexts, ledgerOf, standOf } from "./examine.ts";
import {
  aliasesOf,
  type CollectionNames,
  collectionOf,
  searchCollection,
  searchIndexes,
  textCollection,
  textIndexes,
} from "./schema.ts";
import { type Schemas, type Server, unavailable } from "./server.ts";
import { sizeProbe } from "./terms.ts";

/** The collections of one fingerprint, made and checked. */
export interface OpenCollections extends CollectionNames {
  readonly dimensions: number;
  readonly stand: IndexStand;
}

/** The collections were filled from another ledger than this deployment's. */
export class ForeignCollections extends Error {
  /** @param collection one that can be deleted when the other ledger is given up on purpose */
  constructor(collection: string) {
    super(`collection ${collection} was filled from another ledger`);
    this.name = "ForeignCollections";
  }
}

/** What a deployment makes collections for. */
export interface Deployment {
  /** What their names begin with. */
  readonly prefix: string;
  readonly approximate: boolean;
  /** Names the ledger that they are filled from. Absent: it is neither noted nor compared. */
  readonly ledger?: string;
  /** Whether searches wait until a collection is known to hold what is live. */
  readonly awaitsFill: boolean;
}

/** How long it is believed that the collections are those that they were, ms. */
export const believedMs = 1_000;

/** Makes, finds and checks the collections of fingerprints. */
export class Collections {
  readonly #server: Server;
  readonly #deployment: Deployment;
  readonly #open = new Map<string, OpenCollections>();
  /** When the collections of a fingerprint were last looked at, by the process's own clock, ms. */
  readonly #seenAt = new Map<string, number>();

  constructor(server: Server, deployment: Deployment) {
    this.#server = server;
    this.#deployment = deployment;
  }

  /**
   * The collections of a fingerprint, or `undefined` when nothing was ever written under it.
   * @throws AppError `index-unavailable` when they are not as they have to be; the cause says what is missing
   */
  async find(fingerprint: string): Promise<OpenCollections | undefined> {
    const known = this.#open.get(fingerprint);
    if (known !== undefined) return known;
    const names = aliasesOf(this.#deployment.prefix, fingerprint);
    const aliases = await this.#server.aliases();
    if (!aliases.has(names.search) || !aliases.has(names.texts)) return undefined;
    return this.#check(names, fingerprint);
  }

  /** Looks at the server again at the next question: it may have lost what was there. */
  forget(): void {
    this.#open.clear();
  }

  /**
   * The same, made if they are not there. The aliases come last, so that nobody writes before every field is indexed; two processes may do this at
   * the same time.
   */
  async ensure(fingerprint: string, dimensions: number): Promise<OpenCollections> {
    const found = await this.find(fingerprint);
    if (found !== undefined) return found;
    const { prefix, approximate, ledger, awaitsFill } = this.#deployment;
    const names = aliasesOf(prefix, fingerprint);
    const made = () => ({
      fingerprint,
      ...(ledger === undefined ? {} : { ledger }),
      ...(awaitsFill ? { instance: randomUUID() } : {}),
    });
    await this.#make(names.texts, textCollection(made()), textIndexes);
    await this.#make(names.search, searchCollection(dimensions, approximate, made()), searchIndexes, [sizeProbe]);
    return this.#check(names, fingerprint);
  }

  /** How the collections of a fingerprint stand now, `undefined` when there are none. */
  async stand(fingerprint: string): Promise<IndexStand | undefined> {
    const open = await this.find(fingerprint);
    if (open === undefined) return undefined;
    // A point like any other can get lost; every search would fail without it.
    const [probe] = await this.#server.retrieve(open.search, [sizeProbe.id], ["tenant"]);
    if (probe === undefined) await this.#server.insert(open.search, [sizeProbe]);
    return this.#look(open, fingerprint);
  }

  /** Notes that an instance holds what is live. */
  async filled(fingerprint: string, instance: string): Promise<void> {
    const { search } = aliasesOf(this.#deployment.prefix, fingerprint);
    await this.#server.setMetadata(collectionOf(search), { filled: instance });
    this.#seenAt.delete(fingerprint);
  }

  /**
   * Lets a search go on only in collections that hold what is live: new ones, made where others were lost, know nothing yet and would say so of
   * every question.
   * @throws AppError `reindexing` while they are being filled; Error when they were exchanged
   */
  async confirm(open: OpenCollections, fingerprint: string): Promise<void> {
    if (!this.#deployment.awaitsFill) return;
    const seenAt = this.#seenAt.get(fingerprint);
    const isFresh = seenAt !== undefined && performance.now() - seenAt < believedMs;
    if (isFresh && open.stand.isFilled) return;
    await this.look(open, fingerprint);
  }

  /** The same, by what the server says now. */
  async look(open: OpenCollections, fingerprint: string): Promise<void> {
    const { isFilled } = await this.#look(open, fingerprint);
    if (isFilled || !this.#deployment.awaitsFill) return;
    throw new AppError("reindexing", { detail: "the index is being filled again from the ledger", retryAfterS: 10 });
  }

  async #look(open: OpenCollections, fingerprint: string): Promise<IndexStand> {
    const described = await Promise.all([this.#server.describe(open.search), this.#server.describe(open.texts)]);
    const stand = standOf(...described);
    if (stand.instance !== open.stand.instance) {
      this.forget();
      throw new Error(`collection ${open.search} is not the one that it was`);
    }
    this.#open.set(fingerprint, { ...open, stand });
    this.#seenAt.set(fingerprint, performance.now());
    return stand;
  }

  async #make(
    alias: string,
    config: Schemas["CreateCollection"],
    indexes: Readonly<Record<string, Schemas["PayloadFieldSchema"]>>,
    points: readonly Schemas["PointStruct"][] = [],
  ): Promise<void> {
    const name = collectionOf(alias);
    try {
      if (!(await this.#server.hasCollection(name))) await this.#server.create(name, config);
    } catch (error) {
      // Another process was faster.
      if (!(await this.#server.hasCollection(name))) throw error;
    }
    for (const [field, schema] of Object.entries(indexes)) await this.#server.indexField(name, field, schema);
    if (points.length > 0) await this.#server.insert(name, points);
    await this.#server.alias(alias, name);
  }

  async #check(names: CollectionNames, fingerprint: string): Promise<OpenCollections> {
    try {
      const search = await this.#server.describe(names.search);
      const texts = await this.#server.describe(names.texts);
      const dimensions = checkSearch(names.search, search, fingerprint);
      checkTexts(names.texts, texts, fingerprint);
      this.#checkLedger(names.search, search);
      this.#checkLedger(names.texts, texts);
      const open = { ...names, dimensions, stand: standOf(search, texts) };
      this.#open.set(fingerprint, open);
      return open;
    } catch (error) {
      throw unavailable(error);
    }
  }

  #checkLedger(name: string, described: unknown): void {
    const ledger = ledgerOf(described);
    const mine = this.#deployment.ledger;
    if (ledger !== undefined && mine !== undefined && ledger !== mine) {
      throw new ForeignCollections(collectionOf(name));
    }
  }
}

/**
 * Refuses a searched collection that would answer otherwise than it has to.
 * @returns the dimensions of its vectors
 * @throws Error that says what is wrong
 */
function checkSearch(name: string, described: unknown, fingerprint: string): number {
  const { problems, dimensions } = examineSearch(name, described, fingerprint);
  const [first] = problems;
  if (first !== undefined || dimensions === undefined) throw new Error(first?.message);
  return dimensions;
}

/** @throws Error that says what is wrong */
function checkTexts(name: string, described: unknown, fingerprint: string): void {
  const [first] = examineTexts(name, described, fingerprint).problems;
  if (first !== undefined) throw new Error(first.message);
}
