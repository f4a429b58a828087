/** As much of the WebAssembly JavaScript interface as is used here; the compiler's own description comes only with that of browsers. */
export interface WasmMemory {
  /** Another object after each {@link WasmMemory.grow}. */
  readonly buffer: ArrayBuffer;
  /** @param pages of 64 KiB. @throws RangeError when there are no more */
  grow(pages: number): number;
}

interface Wasm {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly host: { readonly memory: WasmMemory } },
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  /** False for a module that this machine cannot run. */
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
}

/** The engine's WebAssembly. */
export const wasm: Wasm = Reflect.get(globalThis, "WebAssembly" as string);
