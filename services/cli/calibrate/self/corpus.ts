import { keepGenerations } from "#adapters/index-sqlite/keep-generations.ts";
import { openSqliteIndex } from "#adapters/index-sqlite/sqlite-index.ts";
import { openSqliteLedger } from "#adapters/ledger-sqlite/ledger.ts";
import type { Caller } from "#core/access/principal.ts";
import type { VisibilityFilter } from "#core/access/visible.ts";
import type { FeatureValues } from "#core/calibration/sample.ts";
import { type DocumentRecord, keyString } from "#core/document.ts";
import { chunksOfParsed } from "#core/ingest/indexed-chunks.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { VectorIndex } from "#core/ports/index.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import type { LiveDocuments, LiveRef } from "#core/ports/live-documents.ts";
import type { PolicySnapshot } from "#core/ports/policy.ts";
import { indexDuring } from "#core/retrieval/bounded.ts";
import { findCandidates } from "#core/retrieval/candidates.ts";
import { weigh } from "#core/retrieval/evidence.ts";
import { readQuestion } from "#core/retrieval/question.ts";
import { recheck } from "#core/retrieval/recheck.ts";
import { retrieveRequestSchema } from "#core/retrieval/request.ts";
import { parseDocument } from "#core/text/parse.ts";
import type { ParsedDocument } from "#core/text/parsed.ts";
import type { TrustPolicy } from "#core/trust/trust-policy.ts";
import type { Snapshot } from "#services/ports/snapshot.ts";

/** A document that the audience may read and trust, as of the snapshot. */
export interface CorpusDocument {
  readonly ref: LiveRef;
  readonly record: DocumentRecord;
  readonly title: string;
}

/** What a question is asked of. */
export interface Case {
  /** The documents that are there, in the order of {@link Corpus.documents}. */
  readonly documents: readonly CorpusDocument[];
  /** A document that is there in another form, without a sentence. */
  readonly masked?: { readonly document: CorpusDocument; readonly parsed: ParsedDocument };
}

/** The documents of one audience, and the search of the service over any part of them. */
export interface Corpus {
  /** In the order of `compareKeys`. */
  readonly documents: readonly CorpusDocument[];
  /** The readable blocks of a document; `undefined` while newer content of it waits to be indexed. */
  parsed(document: CorpusDocument): Promise<ParsedDocument | undefined>;
  /** The features of a question, computed by the service's own code over the documents of the case alone. */
  features(query: string, of: Case): Promise<FeatureValues>;
  close(): Promise<void>;
}

/**
 * Opens the part of a snapshot that an audience may read and that passes the quality gates. Everything else is erased from the copy's index
 * before it is read, and its texts are never looked at.
 * @param at the clock that the quality gates read, ms since the epoch
 */
export async function openCorpus(
  { database }: Snapshot,
  policy: PolicySnapshot,
  caller: Caller,
  embedder: Embedder,
  at: number,
): Promise<Corpus> {
  const { trust } = policy;
  const { fingerprint } = embedder.model;
  const visibility = policy.visibility(caller);
  const ledger = await openSqliteLedger({ database, clock: () => at });
  const refs = ledger.live.select(fingerprint, { visibility, eligible: { trust, now: at }, conditions: {} });
  const documents: CorpusDocument[] = [];
  const records = await ledger.read(refs.map((ref) => ref.key));
  records.forEach((record, place) => {
    const ref = refs[place];
    const live = record?.live[fingerprint];
    if (record !== undefined && ref !== undefined && live !== undefined)
      documents.push({ ref, record, title: live.title });
  });
  keepGenerations(
    database,
    refs.map(({ key, generation }) => ({ key, generation, fingerprint })),
  );
  const stage = new Stage(ledger, fingerprint);
  const index = await openSqliteIndex({ database, live: stage, model: embedder.model });
  const asking = { index, stage, embedder, visibility, trust, at };
  return {
    documents,
    parsed: async ({ ref, record }) => {
      const { wanted } = record;
      if (wanted?.generation !== ref.generation) return undefined;
      const body = await ledger.readBody(ref.key, ref.generation);
      return body === undefined ? undefined : parseDocument(body, wanted.contentType);
    },
    features: (query, of) => askCase(asking, query, of),
    close: async () => {
      await index.close();
      await ledger.close();
    },
  };
}

interface Asking {
  readonly index: VectorIndex;
  readonly stage: Stage;
  readonly embedder: Embedder;
  readonly visibility: VisibilityFilter;
  readonly trust: TrustPolicy;
  readonly at: number;
}

async function askCase({ index, stage, embedder, visibility, trust, at }: Asking, query: string, of: Case) {
  const { fingerprint } = embedder.model;
  const stand = of.masked && standIn(of.masked.document, fingerprint);
  if (of.masked !== undefined && stand !== undefined) {
    const { key, generation } = stand.ref;
    const content = { ...stand.live, generation };
    const chunks = await chunksOfParsed({ key, content, parsed: of.masked.parsed }, embedder, index);
    await index.write({ key, generation, fingerprint, chunks });
  }
  try {
    stage.set(of.documents, stand);
    const question = await readQuestion(query, embedder);
    const set = await findCandidates(
      { index: indexDuring(undefined, index), ledger: stage, recheck },
      {
        fingerprint,
        vector: question.vector,
        terms: question.terms,
        density: true,
        filter: { visibility, eligible: { trust, now: at }, conditions: {} },
      },
      trust,
      at,
      retrieveRequestSchema.shape.top_k.parse(undefined),
    );
    // Nothing writes to the copy, so nothing is replaced under the search.
    if (set === "replaced") throw new Error("a generation of the copy is not the live one");
    const evidence = await weigh(index, fingerprint, set, question, embedder.model.denseWeight);
    if (evidence === "replaced") throw new Error("a chunk of the copy is gone");
    return { ...evidence.features };
  } finally {
    if (stand !== undefined) await index.remove(stand.ref.key, stand.ref.generation, fingerprint);
  }
}

/** A masked document as ledger and search see it: the same record with one more generation, which is live. */
function standIn({ ref, record }: CorpusDocument, fingerprint: string) {
  const live = record.live[fingerprint];
  if (live === undefined || record.wanted === undefined) throw new Error("the document is not live");
  const generation = record.lastGeneration + 1;
  const masked: DocumentRecord = {
    ...record,
    wanted: { ...record.wanted, generation },
    live: { [fingerprint]: { ...live, generation } },
  };
  const own: LiveRef = { key: ref.key, generation, ref: `${keyString(ref.key)}@${generation}` };
  return { live, record: masked, ref: own };
}

/**
 * Stands for the service's view of what is live: exactly the documents of one case, the masked one in its other form. Search and re-check
 * are the service's own and find nothing else.
 */
class Stage implements LiveDocuments, Pick<Ledger, "read" | "replacements"> {
  readonly #ledger: Pick<Ledger, "replacements">;
  readonly #fingerprint: string;
  #refs: readonly LiveRef[] = [];
  #records: ReadonlyMap<string, DocumentRecord> = new Map();

  constructor(ledger: Pick<Ledger, "replacements">, fingerprint: string) {
    this.#ledger = ledger;
    this.#fingerprint = fingerprint;
  }

  set(documents: readonly CorpusDocument[], stand: ReturnType<typeof standIn> | undefined): void {
    const place = stand === undefined ? undefined : keyString(stand.ref.key);
    const isMasked = (document: CorpusDocument) => stand !== undefined && keyString(document.ref.key) === place;
    this.#refs = documents.map((document) => (isMasked(document) ? (stand?.ref ?? document.ref) : document.ref));
    this.#records = new Map(
      documents.map((document) => [
        keyString(document.ref.key),
        isMasked(document) ? (stand?.record ?? document.record) : document.record,
      ]),
    );
  }

  select(fingerprint: string): readonly LiveRef[] {
    return fingerprint === this.#fingerprint ? this.#refs : [];
  }

  read: Ledger["read"] = async (keys) => keys.map((key) => this.#records.get(keyString(key)));

  /** A replacement that was taken out of the case replaces nothing. */
  replacements: Ledger["replacements"] = async (keys, fingerprint, visibility) => {
    const found = await this.#ledger.replacements(keys, fingerprint, visibility);
    return found.flatMap((record) => this.#records.get(keyString(record.key)) ?? []);
  };
}
