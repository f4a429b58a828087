import { hidden, wide } from "../shape.ts";
import { encodeModule } from "./assembler.ts";
import { attend, transpose } from "./attention.ts";
import { multiply } from "./multiply.ts";
import { embed, gelu, normalise, pool, quantise, reduce } from "./rows.ts";

const functions = [
  embed,
  normalise,
  quantise(hidden, "quantise"),
  quantise(hidden, "level"),
  quantise(wide, "quantise"),
  multiply(hidden, "multiply"),
  multiply(hidden, "add"),
  multiply(wide, "add"),
  transpose,
  attend,
  gelu,
  pool,
  reduce,
];

/** A kernel: addresses and counts in, results in memory. */
export type Kernel = (...values: number[]) => void;

/** The kernels, each described where it is defined. */
export interface Kernels {
  readonly embed: Kernel;
  readonly normalise: Kernel;
  readonly quantiseHidden: Kernel;
  readonly level: Kernel;
  readonly quantiseWide: Kernel;
  readonly multiply: Kernel;
  readonly addHidden: Kernel;
  readonly addWide: Kernel;
  readonly transpose: Kernel;
  readonly attend: Kernel;
  readonly gelu: Kernel;
  readonly pool: Kernel;
  readonly reduce: Kernel;
}

/**
 * Compiles the kernels over a memory.
 * @param pages size of the memory in pages of 64 KiB
 * @throws Error when this machine's WebAssembly has no relaxed SIMD
 */
export async function openKernels(memory: WebAssembly.Memory, pages: number): Promise<Kernels> {
  const bytes = encodeModule(pages, functions);
  if (!WebAssembly.validate(bytes))
    throw new Error("this Node runs no WebAssembly with relaxed SIMD and shared memory");
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  const kernel = (name: string): Kernel => {
    const found = instance.exports[name];
    if (typeof found !== "function") throw new Error(`no kernel ${name}`);
    return (...values) => {
      found(...values);
    };
  };
  return {
    embed: kernel("embed"),
    normalise: kernel("normalise"),
    quantiseHidden: kernel(`quantise${hidden}`),
    level: kernel(`level${hidden}`),
    quantiseWide: kernel(`quantise${wide}`),
    multiply: kernel(`multiply${hidden}`),
    addHidden: kernel(`add${hidden}`),
    addWide: kernel(`add${wide}`),
    transpose: kernel("transpose"),
    attend: kernel("attend"),
    gelu: kernel("gelu"),
    pool: kernel("pool"),
    reduce: kernel("reduce"),
  };
}
