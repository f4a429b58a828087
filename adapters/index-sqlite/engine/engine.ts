import { loadFile } from "./load.ts";
import type { Answer, EngineAnswer, StoredGeneration, ToEngine } from "./protocol.ts";
import { search } from "./search.ts";
import { type Selection, selectionOf } from "./selection.ts";
import { Space } from "./space.ts";
import { StoredTokens } from "./stored-tokens.ts";
import { vectorsOf } from "./vectors.ts";

/**
 * What is searched, in memory: a {@link Space} per fingerprint and the selections that were named. It does one thing after the other
 * and knows nothing of threads.
 */
export class Engine {
  readonly #spaces = new Map<string, Space>();
  /** `undefined` for a selection of nothing. */
  readonly #selections = new Map<number, { readonly space: Space; readonly selection: Selection } | undefined>();
  #isSettled = false;
  /** `undefined` without a file to read from. */
  #tokens: StoredTokens | undefined;

  /**
   * Does what a message says.
   * @returns the answer to a question, otherwise `null`
   * @throws Error after which the engine must not be used further, unless it was thrown by a question
   */
  take(message: ToEngine): Answer {
    switch (message.kind) {
      case "load":
        this.close();
        this.#tokens = new StoredTokens(message.file);
        for (const generation of loadFile(message.file)) this.#add(generation);
        this.#settle();
        return null;
      case "add":
        this.#add(message);
        return null;
      case "remove":
        this.#spaces.get(message.fingerprint)?.remove(message.handle);
        return null;
      case "select":
        this.#select(message.selection, message.fingerprint, message.handles);
        return null;
      case "forget":
        this.#selections.delete(message.selection);
        return null;
      case "ready":
        this.#settle();
        return null;
      case "search": {
        if (!this.#selections.has(message.selection)) throw new Error(`no selection ${message.selection}`);
        const named = this.#selections.get(message.selection);
        return named === undefined ? nothingFound(message.terms) : search(named.space, named.selection, message);
      }
      case "match":
        if (this.#tokens === undefined) throw new Error("there is no file with token outputs");
        return this.#tokens.match(message);
      default:
        return message satisfies never;
    }
  }

  /** Lets go of the file. */
  close(): void {
    this.#tokens?.close();
    this.#tokens = undefined;
  }

  #add({ handle, fingerprint, dimensions, vectors, packed }: StoredGeneration): void {
    let space = this.#spaces.get(fingerprint);
    if (space === undefined) {
      space = new Space(dimensions);
      if (this.#isSettled) space.settle();
      this.#spaces.set(fingerprint, space);
    }
    if (space.dimensions !== dimensions) throw new Error(`generation ${handle} has ${dimensions} dimensions`);
    space.add(handle, vectorsOf(vectors), packed);
  }

  /** From here on spaces are searched, new ones from their first chunk on. */
  #settle(): void {
    this.#isSettled = true;
    for (const space of this.#spaces.values()) space.settle();
  }

  #select(name: number, fingerprint: string, handles: Int32Array): void {
    const isEmpty = handles.every((handle) => handle < 0);
    const space = this.#spaces.get(fingerprint);
    if (space === undefined && !isEmpty) throw new Error(`the engine holds nothing under ${fingerprint}`);
    const named = space === undefined || isEmpty ? undefined : { space, selection: selectionOf(space, handles) };
    this.#selections.set(name, named);
  }
}

function nothingFound(terms: readonly string[]): EngineAnswer {
  return {
    hits: [],
    exhausted: true,
    statistics: {
      chunks: 0,
      documentFrequency: terms.map(() => 0),
      similarity: { mean: 0, deviation: 0 },
      neighbours: null,
    },
  };
}
