import { dimensionOf } from "#adapters/index-qdrant/terms.ts";
import { analyse } from "#core/text/analyse.ts";
import { type Stamp, stampsIn } from "../content.ts";
import { mayRead, type Reader } from "./access.ts";
import { isSame, mayShow } from "./document.ts";
import type { TrackedDocument, Violation, World } from "./world.ts";

/** The part of a passage that is judged. */
export interface SeenPassage {
  readonly source: string;
  readonly document_id: string;
  readonly title: string;
  readonly text: string;
}

/** A question, when it was asked, and what came of it. */
export interface Asked {
  readonly reader: Reader;
  /** Logical times of sending and of the whole answer. */
  readonly from: number;
  readonly to: number;
  /** The document that the question has the word of; absent for a question about a subject. */
  readonly about?: TrackedDocument;
  readonly passages: readonly SeenPassage[];
}

/**
 * Judges an answer or an abstention (no passages) by the model. Everything shown must have been readable to this caller, as this text, at some instant
 * between question and answer; and who certainly finds a document finds it.
 */
export function checkAnswer(world: World, asked: Asked): readonly Violation[] {
  const { reader, from, to, about, passages } = asked;
  const violations: Violation[] = [];
  const report = (kind: string, message: string, document?: TrackedDocument): void => {
    violations.push({ kind, message: `${reader.name}: ${message}`, ...(document === undefined ? {} : { document }) });
  };
  if (!world.admission(reader, from, to).mayBeServed) report("disabled-served", "a disabled principal was answered");
  const shown = new Map<TrackedDocument, Stamp>();
  for (const passage of passages) {
    const name = `${passage.source}/${passage.document_id}`;
    const document = world.find(reader.tenant, passage.source, passage.document_id);
    if (document === undefined) {
      report("unknown-document", `${name} was never sent`);
      continue;
    }
    const [stamp, ...others] = stampsIn(`${passage.title}\n${passage.text}`);
    if (stamp === undefined || others.length > 0 || stamp.marker !== document.marker) {
      const found = [stamp, ...others].map((one) => (one === undefined ? "nothing" : stampText(one)));
      report("mixed-text", `${name} was shown with title and text of ${found.join(", ")}`, document);
      continue;
    }
    const before = shown.get(document);
    if (before !== undefined && !isSame(before, stamp)) {
      report("mixed-generation", `${name}: ${stampText(before)} beside ${stampText(stamp)}`, document);
    }
    shown.set(document, stamp);
    const problem = problemOf(document, reader, from, to, stamp);
    if (problem !== undefined) report(problem, `${name}: ${stampText(stamp)} was shown`, document);
  }
  if (about === undefined) return violations;
  if (passages.length > 0 && !shown.has(about) && !passages.some((passage) => sharesDimension(about.marker, passage))) {
    const names = [...shown.keys()].map(({ source, id }) => `${source}/${id}`).join(", ");
    const message = `the only document with the word of the question is not in the answer, which shows ${names}`;
    report("answered-without-evidence", message, about);
  }
  if (!shown.has(about) && mustFind(world, about, reader, from, to)) {
    report("lost-from-search", passages.length === 0 ? "abstained from a document that is there" : "not found", about);
  }
  return violations;
}

/**
 * Whether another word counts as this one in the index: once in some two thousand million pairs of words (decision 22), and a run asks for words that are
 * not there some ten thousand times, of an index that holds some ten thousand others.
 */
function sharesDimension(word: string, { title, text }: SeenPassage): boolean {
  const dimension = dimensionOf(word);
  return analyse(`${title}\n${text}`).some((term) => dimensionOf(term) === dimension);
}

/** Notes what an answer that was judged proves. */
export function learnFrom(asked: Asked, world: World): void {
  for (const { source, document_id, text } of asked.passages) {
    const document = world.find(asked.reader.tenant, source, document_id);
    const [stamp] = stampsIn(text);
    if (document === undefined || stamp === undefined) continue;
    document.sawLive(asked.to, stamp.version);
    const content = document.settled?.content ?? null;
    if (content !== null && isSame(content, stamp)) document.sawFound(asked.to, asked.reader.name);
  }
}

/** Whether a reader finds a document for certain at every instant between two times. */
export function mustFind(world: World, document: TrackedDocument, reader: Reader, from: number, to: number): boolean {
  const { settled, tenant, source } = document;
  if (settled === undefined || settled.content === null || document.history.since >= from) return false;
  if (!mayRead(reader, tenant, source, settled.access)) return false;
  if (world.admission(reader, from, to).mayBeRefused) return false;
  return document.isKnownFound(reader.name, from);
}

/** Judges documents of which no text is shown: each must have been readable at some instant. */
export function checkNames(
  world: World,
  reader: Reader,
  from: number,
  to: number,
  names: readonly { readonly source: string; readonly id: string }[],
): readonly Violation[] {
  return names.flatMap(({ source, id }): Violation[] => {
    const document = world.find(reader.tenant, source, id);
    if (document === undefined) return [{ kind: "unknown-document", message: `${source}/${id} was never sent` }];
    const isReadable = document.history
      .statesDuring(from, to)
      .some((state) => state.content !== null && mayRead(reader, document.tenant, document.source, state.access));
    if (isReadable) return [];
    return [{ kind: "hidden-named", message: `${reader.name}: ${source}/${id} was named`, document }];
  });
}

/** What is wrong with showing a text, or nothing. */
function problemOf(
  document: TrackedDocument,
  reader: Reader,
  from: number,
  to: number,
  stamp: Stamp,
): string | undefined {
  const { tenant, source, history } = document;
  const states = history.statesDuring(from, to);
  if (!states.some((state) => mayShow(state, reader, tenant, source, stamp))) {
    const held = states.filter(({ content }) => content !== null);
    if (held.length === 0) return "deleted-shown";
    const isText = held.some(
      ({ content, older }) =>
        (content !== null && isSame(content, stamp)) || older.some((one) => isSame(one.content, stamp)),
    );
    return isText ? "revoked-shown" : "other-text-shown";
  }
  return stamp.version < document.floorAt(from) ? "replaced-shown" : undefined;
}

const stampText = ({ version, put }: Stamp): string => `version ${version} (put ${put})`;
