/**
 * A small assembler for WebAssembly: typed expressions that carry their own bytes, statements, and a module around them.
 * Encodings and opcodes: WebAssembly Core Specification 3.0, chapter 5 ("Binary Format").
 */

/** The value types that the kernels use; pointers are `i32` byte addresses. */
export type ValueType = "i32" | "f32" | "v128";

/** Instructions that leave one value of a type on the stack. */
export interface Expr<T extends ValueType> {
  readonly type: T;
  readonly code: readonly number[];
}

/** Instructions that leave nothing on the stack. */
export type Statement = readonly number[];

/** A variable of a function. */
export interface Local<T extends ValueType> {
  readonly get: Expr<T>;
  set(value: Expr<T>): Statement;
}

const typeCodes: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/** Unsigned LEB128 of a whole number from 0. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return bytes;
}

/** Signed LEB128 of a 32-bit whole number. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = rest & 127;
    rest >>= 7;
    if ((rest === 0 && low < 64) || (rest === -1 && low >= 64)) return [...bytes, low];
    bytes.push(low + 128);
  }
}

/** Joins statements to one. */
export function sequence(...statements: readonly Statement[]): Statement {
  return statements.flat();
}

/** Runs the body with a counter from `from` up to below `end` (unsigned), `step` at a time; not at all when nothing is there. */
export function forRange(
  counter: Local<"i32">,
  from: Expr<"i32">,
  end: Expr<"i32">,
  step: number,
  ...body: readonly Statement[]
): Statement {
  const next = [...counter.get.code, 0x41, ...signed(step), 0x6a];
  return sequence(
    counter.set(from),
    [0x02, 0x40, 0x03, 0x40, ...counter.get.code, ...end.code, 0x4f, 0x0d, 0x01],
    ...body,
    counter.set({ type: "i32", code: next }),
    [0x0c, 0x00, 0x0b, 0x0b],
  );
}

/** Runs the body until the condition, asked after it, is 0. */
export function doWhile(condition: Expr<"i32">, ...body: readonly Statement[]): Statement {
  return sequence([0x03, 0x40], ...body, [...condition.code, 0x0d, 0x00, 0x0b]);
}

/** Runs the body if the condition is not 0. */
export function when(condition: Expr<"i32">, ...body: readonly Statement[]): Statement {
  return sequence([...condition.code, 0x04, 0x40], ...body, [0x0b]);
}

/** A function under construction: parameters are all `i32`, there is no result. */
export class FunctionBuilder {
  readonly #parameters: number;
  readonly #types: ValueType[] = [];
  readonly #constants = new Map<number, Local<"v128">>();

  /** @param parameters how many `i32` parameters it takes */
  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  parameter(index: number): Local<"i32"> {
    if (index >= this.#parameters) throw new RangeError(`there is no parameter ${index}`);
    return localAt(index, "i32");
  }

  local<T extends ValueType>(type: T): Local<T> {
    this.#types.push(type);
    return localAt(this.#parameters + this.#types.length - 1, type);
  }

  /**
   * Four equal floats, made once where the function starts: V8 makes a constant inside a loop anew each time, from two halves
   * through a general register.
   */
  floats(value: number): Expr<"v128"> {
    const known = this.#constants.get(value);
    if (known !== undefined) return known.get;
    const made = this.local("v128");
    this.#constants.set(value, made);
    return made.get;
  }

  /** The bytes of the function's body, with its declarations. */
  encode(body: Statement): number[] {
    const locals = this.#types.flatMap((type) => [1, typeCodes[type]]);
    const constants = [...this.#constants].flatMap(([value, local]) => {
      const splat = [0x43, ...new Uint8Array(Float32Array.of(value).buffer), 0xfd, 0x13];
      return local.set({ type: "v128", code: splat });
    });
    const code = [...unsigned(this.#types.length), ...locals, ...constants, ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  }
}

function localAt<T extends ValueType>(index: number, type: T): Local<T> {
  return {
    get: { type, code: [0x20, ...unsigned(index)] },
    set: (value) => [...value.code, 0x21, ...unsigned(index)],
  };
}

/** One function of a module. */
export interface FunctionSource {
  readonly name: string;
  readonly parameters: number;
  readonly body: (builder: FunctionBuilder) => Statement;
}

/**
 * The bytes of a module that imports a shared memory as `env.memory` and exports the functions by their names.
 * @param pages size of the memory in pages of 64 KiB
 */
export function encodeModule(pages: number, functions: readonly FunctionSource[]): Uint8Array<ArrayBuffer> {
  const bodies = functions.map(({ parameters, body }) => {
    const builder = new FunctionBuilder(parameters);
    return builder.encode(body(builder));
  });
  const types = functions.map(({ parameters }) => [
    0x60,
    ...unsigned(parameters),
    ...Array.from({ length: parameters }, () => typeCodes.i32),
    0,
  ]);
  const memory = [...text("env"), ...text("memory"), 0x02, 0x03, ...unsigned(pages), ...unsigned(pages)];
  return Uint8Array.from(
    [
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, types),
      section(2, [memory]),
      section(
        3,
        functions.map((_, index) => unsigned(index)),
      ),
      section(
        7,
        functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]),
      ),
      section(10, bodies),
    ].flat(),
  );
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = [...unsigned(items.length), ...items.flat()];
  return [id, ...unsigned(content.length), ...content];
}

function text(value: string): number[] {
  const bytes = [...new TextEncoder().encode(value)];
  return [...unsigned(bytes.length), ...bytes];
}
