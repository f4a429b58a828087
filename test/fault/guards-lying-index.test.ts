import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lie } from "#test/kit/lying-index.ts";
import { hidden, isHidden, type LyingService, lyingService, marker, visible, writer } from "#test/kit/lying-service.ts";
import { openStacks } from "#test/kit/stacks.ts";

// A whole service over HTTP whose index is hostile. Nothing of a hidden document may come out anywhere: not its id, title, heading,
// text, address, chunk id or any number about it. Where the service answers, it answers as an honest one that holds the visible documents
// alone. (Byte equality is promised for an honest index; here it holds because the lies leave the statistics as they are.)

const stacks = await openStacks("the lying index", ["embedded", "mixed", "full"]);

const questions = ["code of the north tower", "vault code zqtext", "who knows the south bridge", "xylophone lessons"];

interface Row {
  readonly source: string;
  readonly document_id: string;
  readonly chunk_id: string;
  readonly similarity: number;
  readonly gate: string;
}
const rowsOf = (trace: Record<string, unknown>): Row[] =>
  (trace.candidates as Row[]).map(({ source, document_id, chunk_id, similarity, gate }) => ({
    source,
    document_id,
    chunk_id,
    similarity,
    gate,
  }));

const lies: readonly { name: string; lie: Lie; answers: "as an honest one" | "nothing found" | "refuses" }[] = [
  {
    name: "ignores its filter",
    lie: { hits: (own, others) => [...others, ...own], listsEverything: true },
    answers: "as an honest one",
  },
  {
    name: "gives hidden chunks the best scores",
    lie: {
      hits: (own, others) => [...others.map((hit) => ({ ...hit, similarity: 0.98765, bm25: 123456789 })), ...own],
    },
    answers: "as an honest one",
  },
  {
    name: "gives hidden chunks scores beyond every scale",
    lie: { hits: (own, others) => [...others.map((hit) => ({ ...hit, similarity: 123456789 })), ...own] },
    answers: "refuses",
  },
  {
    name: "finds hidden chunks alone",
    lie: { hits: (_own, others) => others },
    answers: "nothing found",
  },
  {
    name: "gives hidden chunks scores that are no numbers",
    lie: { hits: (own, others) => [...others.map((hit) => ({ ...hit, similarity: Number.NaN })), ...own] },
    answers: "refuses",
  },
  {
    name: "gives everything a lexical score that is no number",
    lie: { hits: (own, others) => [...own, ...others].map((hit) => ({ ...hit, bm25: Number.NaN })) },
    answers: "refuses",
  },
  {
    name: "gives hidden chunks an infinite score",
    lie: { hits: (own, others) => [...others.map((hit) => ({ ...hit, bm25: Number.POSITIVE_INFINITY })), ...own] },
    answers: "refuses",
  },
  {
    name: "finds hidden chunks under the name of a visible document",
    lie: {
      hits: (own, others) => {
        const [name] = own;
        return name === undefined ? [] : others.map(({ chunkId }) => ({ ...name, chunkId, similarity: 0.98765 }));
      },
    },
    answers: "refuses",
  },
  {
    name: "answers with the texts of other chunks",
    lie: {
      texts: (own, others) => {
        const foreign = [...others.values()].filter(({ text }) => marker.test(text));
        return new Map([...own.keys()].map((id, at) => [id, foreign[at % foreign.length] ?? missingText()]));
      },
    },
    answers: "refuses",
  },
  {
    name: "answers with more texts than were asked for",
    lie: { texts: (own, others) => new Map([...others, ...own]) },
    answers: "as an honest one",
  },
];

function missingText(): never {
  throw new Error("no hidden text is left to lie with");
}

const thatAnswer = (kind: (typeof lies)[number]["answers"]) => lies.filter(({ answers }) => answers === kind);

describe.for(stacks)("$name", (stack) => {
  let hostile: LyingService;
  let honest: LyingService;

  const guest = (at: LyingService, method: string, path: string, body?: unknown) =>
    at.call({ user: "gwen", groups: ["guests"] }, method, path, body);
  const explainer = (method: string, path: string, body?: unknown) =>
    hostile.call({ user: "eve", groups: ["explainers", "guests"] }, method, path, body);
  const ask = (at: LyingService, query: string) =>
    guest(at, "POST", "/v1/retrieve", { query, top_k: 50, min_confidence: 0 });

  beforeAll(async () => {
    hostile = await lyingService(stack);
    honest = await lyingService(stack);
    for (const document of visible) {
      await hostile.put(document);
      await honest.put(document);
    }
    for (const document of hidden) await hostile.put(document);
    await hostile.call(writer, "DELETE", "/v1/documents/open/zqid-deleted?version=1");
    // Until the copy has heard of the delete, a deleted document still counts in the statistics.
    await hostile.settled();
  });
  afterAll(async () => {
    await hostile.close();
    await honest.close();
  });

  const hiddenChunks = () =>
    hostile.index.written
      .filter(({ key }) => isHidden(key.id))
      .flatMap(({ chunks }) => chunks.map(({ chunkId }) => chunkId));

  /** Fails when anything of a hidden document stands in an answer: a marker, or a chunk id. */
  function expectNothingHidden(where: string, text: string): void {
    const found = [marker.exec(text)?.[0], ...hiddenChunks().filter((chunkId) => text.includes(chunkId))];
    expect({ where, found: found.filter((item) => item !== undefined) }).toEqual({ where, found: [] });
    // The numbers that the lies give to hidden chunks.
    expect({ where, numbers: /123456789|0\.98765/.exec(text)?.[0] }).toEqual({ where, numbers: undefined });
  }

  /** Asks everything that a guest can ask, and looks at every byte. @returns for each question its outcome, or the code of its refusal */
  async function tryEverything(name: string): Promise<string[]> {
    const outcomes: string[] = [];
    for (const query of questions) {
      const answer = await ask(hostile, query);
      // The question itself comes back in the caller's own trace: only this one holds a marker, and it is cut out there.
      const without = (text: string) => text.replaceAll(query, "");
      expectNothingHidden(`${name}: ${query}`, without(answer.all));
      outcomes.push(String(answer.body.outcome ?? answer.body.code));
      if (answer.status !== 200) continue;
      const trace = await guest(hostile, "GET", `/v1/retrievals/${String(answer.body.id)}`);
      expect(trace.status).toBe(200);
      expectNothingHidden(`${name}: trace of ${query}`, without(trace.all));
    }
    const list = await guest(hostile, "GET", "/v1/documents");
    expect(list.body).toEqual((await guest(honest, "GET", "/v1/documents")).body);
    expect((await guest(hostile, "GET", "/v1/documents?via=filter")).status).toBe(403);
    for (const { source = "open", id } of hidden) {
      const { request_id: _a, ...status } = (await guest(hostile, "GET", `/v1/documents/${source}/${id}`)).body;
      const { request_id: _b, ...missing } = (await guest(hostile, "GET", `/v1/documents/${source}/missing`)).body;
      expect(status).toEqual(missing);
    }
    // Whoever may explain one tenant is a stranger to the other.
    for (const query of questions) {
      const { body } = await explainer("POST", "/v1/retrieve", { query });
      const trace = await explainer("GET", `/v1/retrievals/${String(body.id)}`);
      expect(trace.all).not.toContain("zqid-tenant");
    }
    const selected = await explainer("GET", "/v1/documents?via=filter");
    expect(selected.all).not.toContain("zqid-tenant");
    return outcomes;
  }

  /** The answers and the rows of the own traces are those of the honest instance. */
  async function expectHonestAnswers(): Promise<void> {
    for (const query of questions) {
      const lied = await ask(hostile, query);
      const told = await ask(honest, query);
      const { id: liedId, ...one } = lied.body;
      const { id: toldId, ...other } = told.body;
      expect({ query, ...one }).toEqual({ query, ...other });
      const rows = rowsOf((await guest(hostile, "GET", `/v1/retrievals/${String(liedId)}`)).body);
      expect({ query, rows }).toEqual({
        query,
        rows: rowsOf((await guest(honest, "GET", `/v1/retrievals/${String(toldId)}`)).body),
      });
    }
  }

  for (const { name, lie } of thatAnswer("as an honest one")) {
    test(`an index that ${name} changes no answer, and lets nothing of a hidden document out`, async () => {
      hostile.index.tell(lie);
      expect(await tryEverything(name)).not.toContain("index-unavailable");
      await expectHonestAnswers();
    });
  }

  for (const { name, lie } of thatAnswer("nothing found")) {
    test(`an index that ${name} finds nothing, and lets nothing of a hidden document out`, async () => {
      hostile.index.tell(lie);
      expect(new Set(await tryEverything(name))).toEqual(new Set(["abstained"]));
      const { body } = await ask(hostile, questions[0] ?? "");
      expect(body).toMatchObject({ outcome: "abstained", reason: "no_match", confidence: 0 });
    });
  }

  for (const { name, lie } of thatAnswer("refuses")) {
    test(`an index that ${name} is refused, and lets nothing of a hidden document out`, async () => {
      hostile.index.tell(lie);
      expect(await tryEverything(name)).toContain("index-unavailable");
      expect((await ask(hostile, questions[0] ?? "")).status).toBe(503);
    });
  }

  test("an index that remembers the replaced text of a visible document lets none of it out", async () => {
    const old = { id: "moat.md", body: "# Moat\n\nThe moat of the north tower hides zqtext-replaced." };
    hostile.index.tell({});
    await hostile.put(old);
    await hostile.put({ ...old, body: "# Moat\n\nThe moat of the north tower is dry." }, 2);
    hostile.index.tell({ hits: (own, others) => [...others, ...own] });
    const answer = await ask(hostile, questions[0] ?? "");
    // An index that keeps copies may lag: what it still finds of an older text, twice, is dropped, and keeps nobody from an answer.
    const contended = { status: 503, body: { code: "retrieval-contended" } };
    expect(answer).toMatchObject(stack.keepsCopies ? { status: 200, body: { outcome: "answered" } } : contended);
    expect(answer.all.includes("is dry")).toBe(stack.keepsCopies);
    expectNothingHidden("replaced", answer.all);
  });

  test("without the re-check the same lies would let ids, titles, headings, texts, addresses and scores out", async () => {
    await hostile.restart(() => "confirmed");
    hostile.index.tell({
      hits: (_own, others) => others.filter(({ key }) => key.tenant === "one" && isHidden(key.id)),
    });
    const answer = await ask(hostile, questions[0] ?? "");
    expect(answer.status).toBe(200);
    for (const place of ["id", "title", "heading", "text", "url"]) expect(answer.all).toContain(`zq${place}-ungranted`);
    expect(hiddenChunks().some((chunkId) => answer.all.includes(chunkId))).toBe(true);
  });
});
