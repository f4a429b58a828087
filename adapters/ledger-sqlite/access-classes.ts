import type { Access } from "#core/access/acl.ts";

/**
 * The distinct accesses among the documents of one source, numbered. Most documents share a few, so a filter is asked once per
 * class and not once per document.
 */
export class AccessClasses {
  readonly #byText = new Map<string, number>();
  readonly #classes: ({ readonly text: string; readonly access: Access; users: number } | undefined)[] = [];
  readonly #free: number[] = [];

  /** The class of an access, made when it is new. Each call counts one use. */
  take(access: Access): number {
    const text = JSON.stringify([access.grants, access.denies, access.labels]);
    const known = this.#byText.get(text);
    const entry = known === undefined ? undefined : this.#classes[known];
    if (known !== undefined && entry !== undefined) {
      entry.users += 1;
      return known;
    }
    const number = this.#free.pop() ?? this.#classes.length;
    this.#classes[number] = { text, access, users: 1 };
    this.#byText.set(text, number);
    return number;
  }

  /** Gives one use back; a class that nobody uses is forgotten, its number given out again. */
  release(number: number): void {
    const entry = this.#classes[number];
    if (entry === undefined) throw new Error(`access class ${number} is not in use`);
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#classes[number] = undefined;
    this.#byText.delete(entry.text);
    this.#free.push(number);
  }

  /** Asks a question of every class. @returns the answers by class number; a number that is not in use has none. */
  ask(question: (access: Access) => boolean): Uint8Array {
    const answers = new Uint8Array(this.#classes.length);
    for (const [number, entry] of this.#classes.entries()) {
      if (entry !== undefined && question(entry.access)) answers[number] = 1;
    }
    return answers;
  }

  /** How many distinct accesses there are. */
  get size(): number {
    return this.#byText.size;
  }
}
