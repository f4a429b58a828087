import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { sourcePattern } from "#core/limits.ts";
import { UsageError } from "../../terminal.ts";
import type { RecordedTrace } from "./api.ts";

/** A person's judgement of a retrieval. */
export interface CaseJudgement {
  readonly answerable: boolean;
  /** Documents as `source/id`. */
  readonly relevant: readonly string[];
  readonly wrong: readonly string[];
  readonly kind: string;
  readonly split: "calib" | "test";
}

/** Source and id of `source/id`; the id may hold slashes. @throws UsageError when it is not of this form. */
export function documentName(option: string, text: string): { source: string; id: string } {
  const slash = text.indexOf("/");
  const [source, id] = [text.slice(0, slash), text.slice(slash + 1)];
  if (slash < 1 || id === "" || !sourcePattern.test(source)) {
    throw new UsageError(`--${option}: SOURCE/ID, not "${text}"`);
  }
  return { source, id };
}

/**
 * What the stored judgements of a retrieval say: useful documents are relevant, wrong and outdated ones are wrong. A useful answer as a
 * whole speaks for its document when it returned only one. A document about which people disagree is neither.
 */
export function judgementOfFeedback(trace: RecordedTrace): Pick<CaseJudgement, "relevant" | "wrong"> {
  const returned = new Set(
    trace.candidates.filter(({ gate }) => gate === "returned").map((one) => `${one.source}/${one.document_id}`),
  );
  const [only] = returned.size === 1 ? returned : [];
  const said = (useful: boolean): ReadonlySet<string> =>
    new Set(
      trace.feedback
        .filter(({ judgement }) => (judgement === "useful") === useful)
        .flatMap(({ source, document_id }) =>
          source !== null && document_id !== null ? [`${source}/${document_id}`] : useful ? (only ?? []) : [],
        ),
    );
  const [useful, wrong] = [said(true), said(false)];
  return { relevant: [...useful.difference(wrong)].toSorted(), wrong: [...wrong.difference(useful)].toSorted() };
}

const plain = (principal: string) => principal.slice(principal.indexOf(":") + 1);

/**
 * The case of a retrieval: a line of `queries.jsonl`. Holds the question, who asked, and names of documents; never a passage's text. The
 * fold is taken from the id, so that recording again changes nothing.
 * @param overCorpus the set has a `corpus.jsonl`, whose documents are named by their id alone.
 */
export function caseLine(trace: RecordedTrace, judgement: CaseJudgement, overCorpus: boolean): string {
  const name = (text: string) => (overCorpus ? documentName("relevant", text).id : text);
  const fold = createHash("sha256").update(trace.id).digest().readUInt32BE(0) % 10;
  const agents = trace.actors.map(plain);
  return JSON.stringify({
    id: trace.id,
    text: trace.query,
    ...(overCorpus
      ? { tenant: trace.tenant }
      : {
          caller: {
            tenant: trace.tenant,
            user: plain(trace.user),
            groups: trace.principals.filter((one) => one.startsWith("group:")).map(plain),
            ...(agents.length === 0 ? {} : { agents }),
          },
        }),
    answerable: judgement.answerable,
    relevant: judgement.relevant.map(name),
    ...(judgement.wrong.length === 0 ? {} : { wrong: judgement.wrong.map(name) }),
    kind: judgement.kind,
    split: judgement.split,
    fold,
  });
}

const idSchema = z.object({ id: z.string() });

/**
 * Puts a line into the `queries.jsonl` of a folder, in the place of the one with the same id; every other line stays as it is, byte by byte.
 * @returns what became of it.
 */
export function putCase(folder: string, id: string, line: string): "added" | "replaced" | "unchanged" {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "queries.jsonl");
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  if (lines.at(-1) === "") lines.pop();
  const at = lines.findIndex((text, index) => text.trim() !== "" && idOf(text, `${file}:${index + 1}`) === id);
  if (lines[at] === line) return "unchanged";
  const next = at < 0 ? [...lines, line] : lines.with(at, line);
  // Whole or not at all: a set that was cut in the middle would be lost work.
  writeFileSync(`${file}.new`, `${next.join("\n")}\n`);
  renameSync(`${file}.new`, file);
  return at < 0 ? "added" : "replaced";
}

function idOf(text: string, where: string): string {
  try {
    return idSchema.parse(JSON.parse(text)).id;
  } catch (cause) {
    throw new UsageError(`${where}: not a query`, { cause });
  }
}
