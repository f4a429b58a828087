import { inspect } from "node:util";

const hidden = "[secret]";

/** A key or password that shows itself only to who asks: not in a log, an error, JSON, a template string, or a printed configuration. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value, for the header or the connection that needs it, and for nothing else. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  [inspect.custom](): string {
    return hidden;
  }
}
