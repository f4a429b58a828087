import { markerOf } from "../content.ts";
import { principalsOf, type Reader } from "./access.ts";
import { type DocumentAnswer, type DocumentOperation, type DocumentState, documentMachine } from "./document.ts";
import { Linear } from "./linear.ts";
import { switchMachine } from "./switch.ts";

/** Something that the service must never do, with what is known about it. */
export interface Violation {
  readonly kind: string;
  readonly message: string;
  readonly document?: TrackedDocument;
}

/** One document of the test, and everything that happened to it. */
export class TrackedDocument {
  readonly tenant: string;
  readonly source: string;
  readonly id: string;
  readonly marker: string;
  readonly history = new Linear<DocumentState, DocumentOperation, DocumentAnswer>(documentMachine);
  /** True after an answer that the model cannot explain: nothing more can be said of it. */
  isBroken = false;
  /** True while a writer works on it. */
  isBusy = false;
  /** What happened to it, one line each. */
  readonly log: string[] = [];
  readonly #floors: { readonly at: number; readonly version: number }[] = [];
  #publishedAt = -1;
  readonly #foundAt = new Map<string, number>();

  constructor(seed: number, tenant: string, source: string, id: string) {
    this.tenant = tenant;
    this.source = source;
    this.id = id;
    this.marker = markerOf(seed, tenant, source, id);
  }

  /** A version was seen live by somebody who was told so at this time: nobody who asks later may get an older one. */
  sawLive(at: number, version: number): void {
    if (version > (this.#floors.at(-1)?.version ?? -1)) this.#floors.push({ at, version });
  }

  /** The least version that a question begun at a time may get. */
  floorAt(from: number): number {
    return this.#floors.findLast(({ at }) => at < from)?.version ?? -1;
  }

  /** The wanted content was seen live, and its access was not changed since it was accepted: everybody who may read it finds it. */
  sawPublished(at: number): void {
    this.#publishedAt = at;
  }

  /** A reader got the wanted content. */
  sawFound(at: number, reader: string): void {
    this.#foundAt.set(reader, at);
  }

  /** Whether it was known before a time, and nothing happened since, that a reader finds the document. */
  isKnownFound(reader: string, from: number): boolean {
    const { since } = this.history;
    return [this.#publishedAt, this.#foundAt.get(reader) ?? -1].some((at) => at > since && at < from);
  }

  /** The one state that it is in for certain; `undefined` while requests are open or states are left to choose from. */
  get settled(): DocumentState | undefined {
    const [state, ...more] = this.history.states;
    return this.history.isOpen || more.length > 0 ? undefined : state;
  }
}

/** All documents and principals of a test, and its one logical clock. */
export class World {
  readonly seed: number;
  readonly documents: TrackedDocument[] = [];
  readonly #byName = new Map<string, TrackedDocument>();
  readonly #principals = new Map<string, Linear<boolean, boolean, boolean>>();
  #now = 0;

  constructor(seed: number) {
    this.seed = seed;
  }

  /** A time of its own for every event, in their order. */
  tick(): number {
    this.#now += 1;
    return this.#now;
  }

  add(tenant: string, source: string, id: string): TrackedDocument {
    const document = new TrackedDocument(this.seed, tenant, source, id);
    this.documents.push(document);
    this.#byName.set(nameOf(tenant, source, id), document);
    return document;
  }

  find(tenant: string, source: string, id: string): TrackedDocument | undefined {
    return this.#byName.get(nameOf(tenant, source, id));
  }

  /** Whether a principal of a tenant is disabled. */
  principal(tenant: string, principal: string): Linear<boolean, boolean, boolean> {
    const name = nameOf(tenant, principal, "");
    const known = this.#principals.get(name) ?? new Linear(switchMachine);
    this.#principals.set(name, known);
    return known;
  }

  /** Whether a caller may have been let in, and may have been refused, at some instant between two times. */
  admission(
    reader: Reader,
    from: number,
    to: number,
  ): { readonly mayBeServed: boolean; readonly mayBeRefused: boolean } {
    const states = principalsOf(reader).map((one) => this.principal(reader.tenant, one).statesDuring(from, to));
    return {
      mayBeServed: states.every((possible) => possible.includes(false)),
      mayBeRefused: states.some((possible) => possible.includes(true)),
    };
  }
}

const nameOf = (...parts: readonly string[]): string => JSON.stringify(parts);
