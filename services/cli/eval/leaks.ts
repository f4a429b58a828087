import type { RetrieveResponse } from "#core/retrieval/response.ts";
import type { DataDocument } from "./dataset.ts";

/** Something of a hidden document that a caller got to see. */
export interface Leak {
  readonly where: "response" | "trace" | "error" | "document";
  readonly user: string;
  readonly query: string;
  readonly what: "id" | "title" | "text" | "never";
  /** The hidden document, or the one that a passage wrongly claims to come from. */
  readonly document: string;
}

/** The documents of a set, found by name, by id in the service, and by title. */
export interface Corpus {
  readonly byName: ReadonlyMap<string, DataDocument>;
  readonly byId: ReadonlyMap<string, readonly DataDocument[]>;
  readonly byTitle: ReadonlyMap<string, readonly DataDocument[]>;
}

/** Prepares a set for the search for leaks. @param idOf the id in the service of a document, by its name in the set. */
export function corpusOf(documents: readonly DataDocument[], idOf: (name: string) => string = (name) => name): Corpus {
  return {
    byName: new Map(documents.map((document) => [document.id, document])),
    byId: Map.groupBy(documents, (document) => idOf(document.id)),
    byTitle: Map.groupBy(documents, (document) => document.title),
  };
}

/** Parts of a document's own text: a heading of a visible page may well be the title of a hidden one. Checked as slices instead. */
const contentKeys = new Set(["text", "heading_path"]);

/** Every string in a JSON value; keys of objects left out, they are the service's own. */
function* stringsOf(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) if (!contentKeys.has(key)) yield* stringsOf(inner);
  }
}

/** Ids and titles of hidden documents in a JSON body. One that a visible document has too tells nothing. */
export function hiddenNames(
  body: string,
  echoed: string,
  corpus: Corpus,
  visible: ReadonlySet<string>,
): readonly Pick<Leak, "what" | "document">[] {
  let value: unknown = body;
  try {
    value = JSON.parse(body);
  } catch {
    // Not JSON: the whole body is one string.
  }
  const found: Pick<Leak, "what" | "document">[] = [];
  for (const text of stringsOf(value)) {
    if (text === echoed) continue;
    for (const [what, named] of [
      ["id", corpus.byId.get(text) ?? []],
      ["title", corpus.byTitle.get(text) ?? []],
    ] as const) {
      const [first] = named;
      if (first !== undefined && named.every((document) => !visible.has(document.id))) {
        found.push({ what, document: first.id });
      }
    }
  }
  return found;
}

const lettersOf = (text: string) => text.normalize("NFKC").replaceAll(/[^\p{L}\p{N}]+/gu, "");

/**
 * True when the text is the body between the offsets, but for mark-up that was taken out: its letters and digits appear there in
 * this order.
 */
export function isSliceOf(text: string, body: string, start: number, end: number): boolean {
  const slice = body.slice(start, end);
  if (slice === text) return true;
  const wanted = lettersOf(text);
  let at = 0;
  for (const letter of lettersOf(slice)) {
    if (letter === wanted.slice(at, at + letter.length)) at += letter.length;
  }
  return at === wanted.length;
}

/** Passages that are not what they claim: of a hidden document, or with a title, heading or text that is not the document's. */
export function foreignPassages(
  response: RetrieveResponse,
  corpus: Corpus,
  visible: ReadonlySet<string>,
  nameOf: (source: string, documentId: string) => string = (_source, documentId) => documentId,
): readonly Pick<Leak, "what" | "document">[] {
  return response.passages.flatMap((passage): Pick<Leak, "what" | "document">[] => {
    const document = corpus.byName.get(nameOf(passage.source, passage.document_id));
    if (document === undefined || !visible.has(document.id)) return [{ what: "id", document: passage.document_id }];
    const title = document.title.trim() === "" ? document.id : document.title;
    return [
      ...(passage.title === title ? [] : [{ what: "title" as const, document: document.id }]),
      ...(isSliceOf(passage.text, document.text, passage.start_char, passage.end_char) &&
      passage.heading_path.every((heading) => isSliceOf(heading, document.text, 0, passage.end_char))
        ? []
        : [{ what: "text" as const, document: document.id }]),
    ];
  });
}
