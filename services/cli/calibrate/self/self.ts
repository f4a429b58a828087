import { resolve } from "node:path";
import { seededRandom } from "#core/calibration/bootstrap.ts";
import type { Sample } from "#core/calibration/sample.ts";
import { spreadOverGroups, withoutGroup } from "#core/calibration/self/draw.ts";
import { clusters, type Grouping, groupingOf } from "#core/calibration/self/groups.ts";
import { halfOf, mostCentral, questionSentences, without } from "#core/calibration/self/sentences.ts";
import type { Embedder } from "#core/ports/embedder.ts";
import type { PolicySnapshot } from "#core/ports/policy.ts";
import type { ParsedDocument } from "#core/text/parsed.ts";
import { parseConfig } from "#services/config.ts";
import { openEmbedder } from "#services/ports/embedders.ts";
import { openSnapshot } from "#services/ports/snapshot.ts";
import { ofCopy } from "../../data-copy.ts";
import { CommandError, progressBar, type Terminal } from "../../terminal.ts";
import type { Collected } from "../features-file.ts";
import type { CalibrateOptions } from "../options.ts";
import type { Provenance } from "../publish.ts";
import { audienceOf } from "./audience.ts";
import { type Case, type Corpus, type CorpusDocument, openCorpus } from "./corpus.ts";

type SelfOptions = Extract<CalibrateOptions, { kind: "self" }>;

/** Questions below which nothing can be said of a confidence. */
const fewestQuestions = 10;
/** Characters of a document that say what cluster it belongs to, beside its title. */
const clusterChars = 300;

/** Random folds: what is asked about one document stays in one. */
const folds = 10;
/** Searches for one document. */
const casesEach = 4;

/** The questions that were made from a document. */
interface OwnQuestion {
  readonly document: CorpusDocument;
  readonly sentence: string;
  /** Half of its words. */
  readonly half: string;
  /** The document without the sentence. */
  readonly masked: ParsedDocument;
  readonly group: string;
}

/**
 * Makes judged questions from the documents that an audience may read, without labels. Of each document the most central sentence is
 * asked, and half of it. The sentence is answerable while the rest of the document is there: harder than a real question, whose answer is
 * not cut out. The half is answerable in the document as it is: easier than a real question, which does not quote its answer. Both are
 * unanswerable when the document's whole group and a random fifth of the others are gone. Works on a copy of the data directory, and
 * reads nothing of it that the audience may not read.
 * @throws UsageError, CommandError
 */
export async function collectFromDocuments(
  options: SelfOptions,
  policy: PolicySnapshot,
  { env, stderr }: Terminal,
): Promise<{ collected: Collected; provenance: Provenance }> {
  const { caller, names } = audienceOf(options.tenant, options.audience);
  const config = parseConfig(env);
  const embedder = await openEmbedder(config.embedder, config);
  const snapshot = await ofCopy(openSnapshot(resolve(options.data ?? env.RETICENT_DATA ?? "./data")));
  let corpus: Corpus | undefined;
  try {
    corpus = await openCorpus(snapshot, policy, caller, embedder, (options.at ?? new Date()).getTime());
    const { by, groups } = await grouped(corpus, embedder, options.seed, stderr);
    const questions = await makeQuestions(corpus, groups, options, embedder, stderr);
    const { name: model, fingerprint } = embedder.model;
    const samples = await askAll(corpus, groups, questions, options.seed, caller.tenant, stderr);
    // Shown to every caller of the tenant, so it tells neither who the audience is nor how much it may read: the file does.
    const fittedOn = `central sentences of the tenant's own documents, by ${by}, without labels (seed ${options.seed})`;
    return {
      collected: { samples, origin: { model, fingerprint } },
      provenance: {
        fittedOn,
        audience: { tenant: caller.tenant, principals: names },
      },
    };
  } finally {
    await corpus?.close();
    snapshot.close();
    await embedder.close();
  }
}

async function grouped(
  corpus: Corpus,
  embedder: Embedder,
  seed: number,
  stderr: Terminal["stderr"],
): Promise<{ readonly by: Grouping; readonly groups: readonly string[] }> {
  const { documents } = corpus;
  if (documents.length < fewestQuestions) {
    throw new CommandError(
      `the audience may read ${documents.length} documents: at least ${fewestQuestions} are needed`,
    );
  }
  const found = groupingOf(documents.map(({ ref, title }) => ({ key: ref.key, title })));
  if (found !== undefined) return found;
  const bar = progressBar(stderr, "clusters", documents.length);
  const vectors: Float32Array[] = [];
  for (const document of documents) {
    const parsed = await corpus.parsed(document);
    const text = (parsed?.blocks ?? []).map((block) => block.text).join(" ");
    const [vector] = await embedder.embed([`${document.title}\n${text.slice(0, clusterChars)}`], "passage");
    vectors.push(vector ?? new Float32Array(embedder.model.dimensions));
    bar.tick();
  }
  bar.end();
  return { by: "cluster", groups: clusters(vectors, seed) };
}

async function makeQuestions(
  corpus: Corpus,
  groups: readonly string[],
  { questions: wanted, seed }: SelfOptions,
  embedder: Embedder,
  stderr: Terminal["stderr"],
): Promise<readonly OwnQuestion[]> {
  const order = spreadOverGroups(groups, seed);
  const random = seededRandom(seed);
  const made: OwnQuestion[] = [];
  const bar = progressBar(stderr, "sentences", Math.min(wanted, order.length));
  for (const place of order) {
    if (made.length === wanted) break;
    const document = corpus.documents[place];
    const parsed = document && (await corpus.parsed(document));
    if (document === undefined || parsed === undefined) continue;
    const sentences = questionSentences(parsed);
    if (sentences.length < 2) continue;
    const sentence = sentences[mostCentral(await embedder.embed(sentences, "passage"))];
    const masked = sentence === undefined ? undefined : without(parsed, sentence);
    if (sentence === undefined || masked === undefined) continue;
    made.push({ document, sentence, half: halfOf(sentence, random), masked, group: groups[place] ?? "" });
    bar.tick();
  }
  bar.end();
  if (made.length < fewestQuestions) {
    throw new CommandError(
      `only ${made.length} documents have two sentences or more and neighbours in their group: at least ${fewestQuestions} are needed`,
    );
  }
  return made;
}

async function askAll(
  corpus: Corpus,
  groups: readonly string[],
  questions: readonly OwnQuestion[],
  seed: number,
  set: string,
  stderr: Terminal["stderr"],
): Promise<readonly Sample[]> {
  const bar = progressBar(stderr, "searches", casesEach * questions.length);
  const samples: Sample[] = [];
  const { documents } = corpus;
  try {
    for (const [at, { document, sentence, half, masked, group }] of questions.entries()) {
      const { source, id } = document.ref.key;
      const left = withoutGroup(groups, group, seed + 1 + at).flatMap((place) => documents[place] ?? []);
      const ask = async (name: string, query: string, answerable: boolean, of: Case) => {
        const features = await corpus.features(query, of);
        samples.push({ id: `${source}/${id}${name}`, set, group, fold: at % folds, answerable, features });
        bar.tick();
      };
      await ask("", sentence, true, { documents, masked: { document, parsed: masked } });
      await ask("", sentence, false, { documents: left });
      await ask("#half", half, true, { documents });
      await ask("#half", half, false, { documents: left });
    }
    return samples;
  } finally {
    bar.end();
  }
}
