import { AppError } from "#core/errors.ts";
import { type SilenceWatch, threadPatienceMs, watchSilence } from "#core/silence.ts";
import type { EngineLink, StartEngine } from "./link.ts";
import type {
  Answer,
  EngineAnswer,
  FromEngine,
  MatchAnswer,
  MatchRequest,
  SearchRequest,
  StoredGeneration,
  ToEngine,
} from "./protocol.ts";

/** Selections that the engine keeps, the last ones used. */
const keptSelections = 8;

/** What an {@link EngineHost} fills its engines from. */
export interface EngineContent {
  /** The database file, or `null` for one in memory, which no other thread can open. */
  readonly file: string | null;
  /** Everything that is stored, for a database in memory. */
  stored(): Iterable<StoredGeneration>;
}

/** A selection by identity: equal objects are the same generations in the same order. */
export interface NamedSelection {
  readonly fingerprint: string;
  /** Generations in the order of `compareKeys`, −1 for one that is not in the index. */
  readonly handles: Int32Array;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Keeps one engine running and in step with what is stored. When it goes down, everything that waits for it fails with
 * `index-unavailable`, and a new one is built from the database: there is never an engine that holds less than it should. One that gives no answer for
 * long is ended.
 */
export class EngineHost {
  readonly #start: StartEngine;
  readonly #content: EngineContent;
  #link: EngineLink | undefined;
  /** Settled once the running engine has read everything. */
  #loading: Promise<unknown> = Promise.resolve();
  readonly #waiting = new Map<number, Waiting>();
  readonly #silence: SilenceWatch;
  #isLoading = false;
  /** Selections that the running engine knows, with their names; the one used last comes last. */
  readonly #named = new Map<NamedSelection, number>();
  #lastId = 0;
  /** Why the last engine went down. */
  #lastCause: unknown;
  #isClosed = false;

  /** @param patienceMs how long an engine that has read everything may owe answers without giving any */
  constructor(start: StartEngine, content: EngineContent, patienceMs = threadPatienceMs) {
    this.#silence = watchSilence(patienceMs, () => this.#giveUp());
    this.#start = start;
    this.#content = content;
  }

  /** Starts the engine and waits until it holds everything. @throws AppError `index-unavailable` */
  async open(): Promise<void> {
    this.#running();
    await this.#loading;
  }

  /** Tells of a generation that was stored. */
  add(generation: StoredGeneration): void {
    // Without an engine there is nothing to tell: the next one reads it from the database.
    const transfer = [generation.vectors.buffer, generation.packed.buffer].filter((one) => one instanceof ArrayBuffer);
    this.#link?.post({ kind: "add", ...generation }, transfer);
  }

  /** Tells of a generation that was erased. */
  remove(handle: number, fingerprint: string): void {
    this.#link?.post({ kind: "remove", handle, fingerprint });
  }

  /** Searches after everything that was told before. @throws AppError `index-unavailable` */
  async search(selection: NamedSelection, request: Omit<SearchRequest, "selection">): Promise<EngineAnswer> {
    const link = this.#running();
    const name = this.#nameOf(link, selection);
    const answer = await this.#ask(link, (id) => ({ kind: "search", id, ...request, selection: name }));
    if (answer === null || !("hits" in answer)) throw unavailable(new Error("the engine gave no answer to a search"));
    return answer;
  }

  /** Late interaction after everything that was told before. Only with a file. @throws AppError `index-unavailable` */
  async match(request: MatchRequest): Promise<MatchAnswer> {
    const answer = await this.#ask(this.#running(), (id) => ({ kind: "match", id, ...request }));
    if (!(answer instanceof Map)) throw unavailable(new Error("the engine gave no answer to a match"));
    return answer;
  }

  /** Ends the engine. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const link = this.#link;
    this.#forgetEngine(new Error("the index is closed"));
    await link?.stop();
  }

  /** The engine; a new one, which reads everything, when there is none. */
  #running(): EngineLink {
    if (this.#isClosed) throw unavailable(new Error("the index is closed"));
    if (this.#link !== undefined) return this.#link;
    let isLoaded = false;
    const link = this.#start({
      reply: (reply) => this.#settle(reply),
      down: (error) => {
        // An engine of an earlier life is nobody's loss.
        if (this.#link !== link) return;
        this.#forgetEngine(error);
        // One that could not even be filled is not tried again before somebody asks.
        if (isLoaded && !this.#isClosed) this.#running();
      },
    });
    this.#link = link;
    const loading = this.#fill(link);
    this.#loading = loading;
    this.#isLoading = true;
    void (async () => {
      try {
        await loading;
        isLoaded = true;
        this.#isLoading = false;
      } catch {
        // Whoever opens or searches is told; nobody may be waiting for this very promise.
      }
    })();
    return link;
  }

  #fill(link: EngineLink): Promise<unknown> {
    const { file } = this.#content;
    if (file !== null) return this.#ask(link, (id) => ({ kind: "load", id, file }));
    try {
      for (const generation of this.#content.stored()) link.post({ kind: "add", ...generation });
    } catch (error) {
      this.#forgetEngine(error);
      void link.stop();
      throw unavailable(error);
    }
    return this.#ask(link, (id) => ({ kind: "ready", id }));
  }

  #nameOf(link: EngineLink, selection: NamedSelection): number {
    const known = this.#named.get(selection);
    if (known !== undefined) {
      this.#named.delete(selection);
      this.#named.set(selection, known);
      return known;
    }
    const name = ++this.#lastId;
    this.#named.set(selection, name);
    link.post({ kind: "select", selection: name, ...selection });
    const [oldest] = this.#named;
    if (oldest !== undefined && this.#named.size > keptSelections) {
      this.#named.delete(oldest[0]);
      link.post({ kind: "forget", selection: oldest[1] });
    }
    return name;
  }

  #ask(link: EngineLink, message: (id: number) => ToEngine): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#link !== link) {
        reject(unavailable(this.#lastCause));
        return;
      }
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      this.#silence.asked();
      link.hold(true);
      link.post(message(id));
    });
  }

  #settle(reply: FromEngine): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    this.#silence.answered(this.#waiting.size === 0);
    if (this.#waiting.size === 0) this.#link?.hold(false);
    if ("error" in reply) waiting.reject(unavailable(new Error(reply.error)));
    else waiting.resolve(reply.answer);
  }

  /** Reading a large database takes as long as it takes; after that, silence is none of work. */
  #giveUp(): void {
    const link = this.#link;
    if (link === undefined) return;
    if (this.#isLoading) {
      this.#silence.asked();
      return;
    }
    this.#forgetEngine(new Error("the engine gave no answer"));
    void link.stop();
    if (!this.#isClosed) this.#running();
  }

  #forgetEngine(cause: unknown): void {
    this.#link = undefined;
    this.#lastCause = cause;
    this.#named.clear();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#silence.answered(true);
    for (const { reject } of waiting) reject(unavailable(cause));
  }
}

function unavailable(cause: unknown): AppError {
  return new AppError("index-unavailable", {}, { cause });
}
