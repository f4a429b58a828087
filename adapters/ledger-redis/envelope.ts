import { z } from "zod";
import type { DocumentRecord } from "#core/document.ts";
import { recordSchema } from "#core/ingest/record-schema.ts";
import { nameOf } from "./names.ts";

/** What one key holds of a document. */
export interface Envelope {
  readonly record: DocumentRecord;
  /** Fingerprints under which the wanted generation was announced and is not live: something of it may lie in the index. */
  readonly announced: readonly string[];
}

/** An {@link Envelope} as it was read, with the revision that a write compares. */
export interface ReadEnvelope {
  /** Empty for a document that never existed. */
  readonly revision: string;
  readonly envelope: Envelope | undefined;
}

/** A parsed value, with the name of the document that it is of. */
interface Known {
  readonly name: string;
  readonly read: ReadEnvelope;
}

const schema: z.ZodType<Envelope> = z.strictObject({ record: recordSchema, announced: z.array(z.string()) });

/** Total length of the texts whose parsed form is kept; above it the one that was put in first is forgotten. */
const keptChars = 32 * 1024 * 1024;

/**
 * Reads values of documents, each text parsed once. A document is still fetched from Redis every time; the same text always means the same
 * value. Values are shared: nobody may change them.
 */
export function envelopeReader(): (name: string, value: string | null) => ReadEnvelope {
  const known = new Map<string, Known>();
  let chars = 0;
  const parse = (value: string): Known => {
    const before = known.get(value);
    if (before !== undefined) return before;
    const [revision, json] = splitValue(value);
    const envelope = schema.parse(JSON.parse(json));
    const read = { name: nameOf(envelope.record.key), read: { revision, envelope } };
    known.set(value, read);
    chars += value.length;
    for (const [oldest] of known) {
      if (chars <= keptChars) break;
      known.delete(oldest);
      chars -= oldest.length;
    }
    return read;
  };
  return (name, value) => {
    if (value === null) return { revision: "", envelope: undefined };
    const found = parse(value);
    if (found.name !== name) throw new TypeError("a key holds the record of another document");
    return found.read;
  };
}

/** The value that follows a read one. */
export function nextValue(revision: string, envelope: Envelope): string {
  return `${nextRevision(revision)} ${JSON.stringify({ record: envelope.record, announced: envelope.announced })}`;
}

/** The revision behind one that was read; the first is 1. */
export function nextRevision(revision: string): string {
  const number = Number(revision);
  if (!Number.isSafeInteger(number)) throw new TypeError("a revision is not a number");
  return String(number + 1);
}

/** First word, which a script compares, and the rest. */
export function splitValue(value: string): [word: string, rest: string] {
  const space = value.indexOf(" ");
  if (space < 0) throw new TypeError("a value is not what this program writes");
  return [value.slice(0, space), value.slice(space + 1)];
}
