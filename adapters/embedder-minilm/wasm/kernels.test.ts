import { array, assert, constantFrom, float, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { hidden, panel } from "../shape.ts";
import { signed, unsigned } from "./assembler.ts";
import { openKernels } from "./program.ts";

const pages = 64;
const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
const kernels = await openKernels(memory, pages);
const floats = (at: number, length: number): Float32Array => new Float32Array(memory.buffer, at, length);

test("whole numbers are encoded as the specification's examples", () => {
  expect(unsigned(624_485)).toEqual([0xe5, 0x8e, 0x26]);
  expect(unsigned(0)).toEqual([0]);
  expect(signed(-123_456)).toEqual([0xc0, 0xbb, 0x78]);
  expect(signed(63)).toEqual([63]);
  expect(signed(64)).toEqual([0xc0, 0]);
});

test("the product is exact for every number of rows, at the largest factors too", () => {
  const outputs = 2 * panel;
  const [rowsAt, scalesAt, weightsAt, channelsAt, outAt] = [0, 8192, 16_384, 32_768, 65_536];
  assert(
    property(integer({ min: 1, max: 9 }), constantFrom(1, 7, 127), integer(), (count, most, seed) => {
      let state = seed | 1;
      const next = (from: number, to: number): number => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
        return from + ((state >>> 8) % (to - from + 1));
      };
      const rows = new Uint8Array(memory.buffer, rowsAt, count * hidden).map(() => next(most === 127 ? 120 : 0, most));
      new Uint8Array(memory.buffer, rowsAt).set(rows);
      const weights = new Int8Array(memory.buffer, weightsAt, outputs * hidden);
      for (let i = 0; i < weights.length; i++) weights[i] = most === 127 ? -127 : next(-most, most);
      floats(scalesAt, 2 * count).set(Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 1 : 0)));
      floats(channelsAt, 3 * outputs)
        .fill(1, 0, outputs)
        .fill(0, outputs, 3 * outputs);
      const sizes = [channelsAt, channelsAt + outputs * 4, channelsAt + outputs * 8] as const;
      kernels.multiply(rowsAt, count, scalesAt, weightsAt, ...sizes, outAt, outputs);
      const out = floats(outAt, count * outputs);
      for (let row = 0; row < count; row++) {
        for (let channel = 0; channel < outputs; channel++) {
          let sum = 0;
          for (let k = 0; k < hidden; k++) {
            const panelAt = Math.floor(channel / panel) * panel * hidden + Math.floor(k / 4) * panel * 4;
            sum += (rows[row * hidden + k] ?? 0) * (weights[panelAt + (channel % panel) * 4 + (k % 4)] ?? 0);
          }
          expect(out[row * outputs + channel]).toBe(sum);
        }
      }
    }),
    { numRuns: 30 },
  );
});

test("the activation function is x times the normal distribution, to single precision", () => {
  const inputs = Float32Array.from({ length: 400 }, (_, i) => (i - 200) / 20);
  floats(0, inputs.length).set(inputs);
  kernels.gelu(0, inputs.length * 4);
  const known: readonly (readonly [number, number])[] = [
    [-10, 0],
    [-3, -0.00404969],
    [-1, -0.15865525],
    [-0.5, -0.15426877],
    [0, 0],
    [0.5, 0.34573123],
    [1, 0.84134475],
    [3, 2.99595031],
    [9.5, 9.5],
  ];
  const out = floats(0, inputs.length);
  for (const [x, y] of known) expect(Math.abs((out[Math.round(x * 20) + 200] ?? Number.NaN) - y)).toBeLessThan(1e-6);
});

test("bytes of a quantised row give its values back to half a step; a row of equal values is no special case", () => {
  assert(
    property(array(float({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 12 }), (pattern) => {
      const row = Float32Array.from({ length: hidden }, (_, i) => pattern[i % pattern.length] ?? 0);
      floats(0, hidden).set(row);
      kernels.quantiseHidden(0, hidden * 4, 4096, 8192);
      const [step, low] = floats(8192, 2);
      const bytes = new Uint8Array(memory.buffer, 4096, hidden);
      bytes.forEach((byte, i) => {
        expect(byte).toBeLessThanOrEqual(127);
        const error = Math.abs((low ?? 0) + byte * (step ?? 0) - (row[i] ?? 0));
        expect(error).toBeLessThanOrEqual(0.5001 * (step ?? 0) + 1e-5);
      });
    }),
  );
});
