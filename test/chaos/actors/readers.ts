import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { retrieveResponseSchema } from "#core/retrieval/response.ts";
import { readers } from "../cast.ts";
import { topics } from "../content.ts";
import { aQuery, type Chaos, isOutage, oneOf, send } from "../context.ts";
import { mayRead, type Reader } from "../model/access.ts";
import { checkAnswer, checkNames, learnFrom, mustFind } from "../model/check-answer.ts";
import type { TrackedDocument } from "../model/world.ts";
import type { Service } from "../stack/service.ts";
import { lookUp } from "./look-up.ts";
import { type Running, repeat } from "./repeat.ts";

/** Asks through both query processes, mostly for what was just taken away and for what has to be there. */
export function runReaders(chaos: Chaos, count: number, pauseMs: number): Running {
  const loops = Array.from({ length: count }, (_, actor) => {
    const random = chaos.random(100 + actor);
    return repeat(() => askSomething(chaos, random), pauseMs);
  });
  return {
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

/** Looks at documents whose content changed until it is live: from then on nobody gets older text, and everybody finds it. */
export function runProbes(chaos: Chaos, pauseMs: number): Running {
  const random = chaos.random(200);
  return repeat(async () => {
    const [document] = chaos.unseen;
    if (document === undefined) return;
    chaos.unseen.delete(document);
    if (document.isBusy || document.isBroken || document.settled?.content == null) return;
    if (!(await lookUp(chaos, random, document))) {
      chaos.unseen.add(document);
      return;
    }
    const { settled } = document;
    if (settled === undefined) return;
    for (const reader of readers) {
      if (mayRead(reader, document.tenant, document.source, settled.access)) remember(chaos, random, document, reader);
    }
  }, pauseMs);
}

function remember(chaos: Chaos, random: () => number, document: TrackedDocument, reader: Reader): void {
  if (chaos.found.length < 4_000) chaos.found.push({ document, reader });
  else chaos.found[Math.floor(random() * chaos.found.length)] = { document, reader };
}

async function askSomething(chaos: Chaos, random: () => number): Promise<void> {
  const query = aQuery(chaos, random);
  const drawn = random();
  if (drawn < 0.3 && chaos.narrowed.length > 0) {
    // Mostly the newest ones.
    const back = Math.floor(random() * random() * chaos.narrowed.length);
    const chosen = chaos.narrowed[chaos.narrowed.length - 1 - back];
    if (chosen !== undefined) await ask(chaos, query, chosen.reader, chosen.document);
    return;
  }
  if (drawn < 0.6 && chaos.found.length > 0) {
    const at = Math.floor(random() * chaos.found.length);
    const chosen = chaos.found[at];
    if (chosen === undefined) return;
    const { reader, document } = chosen;
    if (document.isKnownFound(reader.name, chaos.world.tick())) await ask(chaos, query, reader, document);
    else {
      // Something happened to it since: it is looked at anew.
      const last = chaos.found.pop();
      if (last !== undefined && at < chaos.found.length) chaos.found[at] = last;
      if (document.settled?.content != null) chaos.unseen.add(document);
    }
    return;
  }
  const isChanged = drawn < 0.8 && chaos.changed.length > 0;
  const document = oneOf(random, isChanged ? chaos.changed : chaos.world.documents);
  const own = readers.filter(({ tenant }) => tenant === document.tenant);
  if (drawn < 0.9) await ask(chaos, query, oneOf(random, isChanged ? mayAsk(document, own) : own), document);
  else await ask(chaos, query, oneOf(random, readers), undefined, oneOf(random, topics));
}

/** Those who may read a document, as far as that is certain; everybody when nobody may. */
function mayAsk({ settled, tenant, source }: TrackedDocument, all: readonly Reader[]): readonly Reader[] {
  const some = all.filter((reader) => settled !== undefined && mayRead(reader, tenant, source, settled.access));
  return some.length > 0 ? some : all;
}

/** Asks one question and judges what comes of it. @returns the outcome, for the figures */
export async function ask(
  chaos: Chaos,
  query: Service,
  reader: Reader,
  about: TrackedDocument | undefined,
  topic = "report",
): Promise<"answered" | "abstained" | "refused" | "error"> {
  const { world, reads } = chaos;
  const token = chaos.tokens.of(reader);
  const body =
    about === undefined ? { query: `What about the ${topic}?`, top_k: 30 } : { query: about.marker, top_k: 8 };
  const { reply, from, to } = await send(chaos, query, { method: "POST", path: "/v1/retrieve", token, body }, "read");
  if (reply.kind !== "answer" || isOutage(reply)) {
    reads.add(reply.kind === "answer" ? reply.code : reply.kind);
    // As clients do: an outage would otherwise fill the figures with questions that nobody answered.
    await sleep(150);
    return "error";
  }
  if (reply.status === 403 && reply.code === "principal-disabled") {
    reads.add("principal-disabled");
    if (!world.admission(reader, from, to).mayBeRefused) {
      chaos.report({ kind: "enabled-refused", message: `${reader.name} is not disabled` });
    }
    return "refused";
  }
  const parsed = retrieveResponseSchema.safeParse(reply.body);
  if (reply.status !== 200 || !parsed.success) {
    chaos.report({ kind: "unexpected-answer", message: `a question got ${reply.status} ${reply.code}` });
    return "error";
  }
  const { passages, outcome, id } = parsed.data;
  const asked = { reader, from, to, passages, ...(about === undefined ? {} : { about }) };
  if (about !== undefined && mustFind(world, about, reader, from, to)) reads.add("that had to be found");
  reads.add(outcome);
  const violations = checkAnswer(world, asked);
  for (const violation of violations) chaos.report(violation);
  if (violations.length === 0) {
    learnFrom(asked, world);
    if (about !== undefined && passages.length > 0) remember(chaos, Math.random, about, reader);
  }
  if (id.endsWith("0")) await readTrace(chaos, query, reader, id);
  return outcome;
}

const trace = z.looseObject({ candidates: z.array(z.looseObject({ source: z.string(), document_id: z.string() })) });

/** A trace names documents: only those that may be read when it is read. It may be lost with its process. */
async function readTrace(chaos: Chaos, query: Service, reader: Reader, id: string): Promise<void> {
  await sleep(100);
  const call = { method: "GET", path: `/v1/retrievals/${id}`, token: chaos.tokens.of(reader) } as const;
  const { reply, from, to } = await send(chaos, query, call, "trace");
  if (reply.kind !== "answer" || reply.status !== 200) return;
  chaos.reads.add("traces");
  const names = trace.parse(reply.body).candidates.map(({ source, document_id }) => ({ source, id: document_id }));
  for (const violation of checkNames(chaos.world, reader, from, to, names)) chaos.report(violation);
}
