import { setTimeout as sleep } from "node:timers/promises";
import type { Chaos } from "../context.ts";
import type { TrackedDocument } from "../model/world.ts";
import { type Episode, Episodes, noteNarrowed } from "./episodes.ts";
import { countMissing, lookUp } from "./look-up.ts";
import { switchPrincipal } from "./principals.ts";
import { perform } from "./write.ts";

/** How far the writers have come. */
export interface WriterProgress {
  /** Episodes that are done. */
  readonly done: number;
  readonly total: number;
}

/** Settings of {@link runWriters}. */
export interface WriterOptions {
  readonly changes: number;
  /** Episodes at the same time. */
  readonly concurrency: number;
  /** Documents that may wait to be indexed before the writers wait. */
  readonly backlog: number;
  readonly onProgress: (progress: WriterProgress) => void;
}

/** Creates all documents and changes them at the same time, until everything is done and known. */
export async function runWriters(chaos: Chaos, options: WriterOptions): Promise<void> {
  const { documents } = chaos.world;
  const { changes, concurrency, backlog, onProgress } = options;
  const episodes = new Episodes();
  const total = documents.length + changes;
  let created = 0;
  let begun = 0;
  let done = 0;
  const finishing = new Set<Promise<void>>();
  const backlogs = watchBacklog(chaos);

  const next = (random: () => number): readonly [TrackedDocument, Episode] | undefined => {
    // Documents come in the order of their numbers while others change: two of three steps until all are there.
    const isNew = created < documents.length && (created < 20 || begun - created >= changes || random() < 0.6);
    if (isNew) {
      const document = documents[created];
      created += 1;
      return document === undefined ? undefined : [document, episodes.create(random, document)];
    }
    for (let look = 0; look < 20; look += 1) {
      const document = documents[Math.floor(random() * created)];
      const state = document?.settled;
      if (document === undefined || state === undefined || document.isBusy || document.isBroken) continue;
      const isRepeat = state.content !== null && random() < 0.03;
      return [document, isRepeat ? episodes.repeat(random, document, state) : episodes.change(random, document, state)];
    }
    return undefined;
  };

  const loop = async (actor: number): Promise<void> => {
    const random = chaos.random(actor);
    while (begun < total) {
      if (backlogs.waiting() > backlog) {
        await sleep(50);
        continue;
      }
      if (random() < 0.01) await switchPrincipal(chaos, random);
      const chosen = next(random);
      if (chosen === undefined) {
        await sleep(10);
        continue;
      }
      begun += 1;
      const [document, episode] = chosen;
      document.isBusy = true;
      const fading: Promise<void>[] = [];
      await play(chaos, random, document, episode, fading);
      done += 1;
      onProgress({ done, total });
      // A document with requests that may still take effect is left alone until they cannot; others go on.
      const finish = settle(chaos, random, document, fading).finally(() => finishing.delete(finish));
      finishing.add(finish);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, actor) => loop(actor)));
  await Promise.all(finishing);
  backlogs.stop();
}

async function play(
  chaos: Chaos,
  random: () => number,
  document: TrackedDocument,
  episode: Episode,
  fading: Promise<void>[],
): Promise<void> {
  for (const step of episode) {
    const before = document.settled;
    await Promise.all(step.map((operation) => perform(chaos, random, document, operation, fading)));
    const after = document.settled;
    if (before !== undefined && after !== undefined) noteNarrowed(chaos, document, before, after);
    if (document.isBroken) return;
    if (step.some(({ kind }) => kind === "put")) {
      chaos.changed.push(document);
      if (chaos.changed.length > 30) chaos.changed.shift();
    }
  }
}

/** Waits until no request can take effect any more, and asks for the state where more than one is possible. */
async function settle(
  chaos: Chaos,
  random: () => number,
  document: TrackedDocument,
  fading: Promise<void>[],
): Promise<void> {
  await Promise.all(fading);
  while (document.settled === undefined && !document.isBroken) {
    await lookUp(chaos, random, document);
    if (document.settled === undefined) await sleep(200);
  }
  if (document.settled?.content != null) chaos.unseen.add(document);
  document.isBusy = false;
}

/** How many documents wait to be indexed, asked for again and again. */
function watchBacklog(chaos: Chaos): { waiting(): number; stop(): void } {
  const random = chaos.random(900);
  const stopped = new AbortController();
  let last = 0;
  void (async () => {
    while (!stopped.signal.aborted) {
      last = (await countMissing(chaos, random)) ?? last;
      await sleep(400);
    }
  })();
  return { waiting: () => last, stop: () => stopped.abort() };
}
