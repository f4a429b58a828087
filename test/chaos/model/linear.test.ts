import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Linear, type Machine } from "./linear.ts";

/** A cell that says what it held before. */
const cell: Machine<number, number, number> = {
  initial: 0,
  step: (state, value) => ({ state: value, answer: state }),
  keyOf: String,
  answerKey: String,
};

test("between sending and answer both states are possible, and only the new one afterwards", () => {
  const history = new Linear(cell);
  history.begin(1, 1, 7);
  expect(history.statesDuring(1, 2).toSorted()).toEqual([0, 7]);
  expect(history.answered(3, 1, 0)).toBe(true);
  expect(history.statesDuring(2, 4).toSorted()).toEqual([0, 7]);
  expect(history.statesDuring(3, 4)).toEqual([7]);
});

test("an answer that no order explains is refused", () => {
  const history = new Linear(cell);
  history.begin(1, 1, 7);
  expect(history.answered(2, 1, 7)).toBe(false);
});

test("a request without an answer may have taken effect or not, until somebody looks", () => {
  const history = new Linear(cell);
  history.begin(1, 1, 7);
  history.lost(2, 1);
  expect(history.states.toSorted()).toEqual([0, 7]);
  expect(history.seen(3, (state) => state === 5)).toBe(false);
  expect(history.seen(3, (state) => state === 7)).toBe(true);
  expect(history.states).toEqual([7]);
});

test("while it may still arrive, a request may take effect after later ones; once it cannot, not any more", () => {
  const history = new Linear(cell);
  history.begin(1, 1, 7);
  history.begin(2, 2, 8);
  expect(history.answered(3, 2, 0)).toBe(true);
  expect(history.states.toSorted()).toEqual([7, 8]);
  history.begin(4, 3, 9);
  expect(history.answered(5, 3, 8)).toBe(true);
  expect(history.states.toSorted()).toEqual([7, 9]);
  history.lost(6, 1);
  history.begin(7, 4, 1);
  expect(history.answered(8, 4, 9)).toBe(true);
  expect(history.states).toEqual([1]);
});

test("what was never sent has no effect", () => {
  const history = new Linear(cell);
  history.begin(1, 1, 7);
  history.unsent(2, 1);
  expect(history.states).toEqual([0]);
});

test("every history of a real cell is explained, and its state is among the possible ones", () => {
  // Steps of some clients: send, take effect, answer; an answer may get lost.
  const step = fc.record({ client: fc.nat(2), value: fc.integer({ min: 1, max: 3 }), isLost: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const history = new Linear(cell);
      const clients = new Map<number, { request: number; value: number; answer?: number }>();
      const explained: boolean[] = [];
      let real = 0;
      steps.forEach(({ client, value, isLost }, at) => {
        const open = clients.get(client);
        if (open === undefined) {
          clients.set(client, { request: at + 1, value });
          history.begin(at + 1, at + 1, value);
        } else if (open.answer === undefined) {
          open.answer = real;
          real = open.value;
        } else {
          clients.delete(client);
          if (isLost) history.lost(at + 1, open.request);
          else explained.push(history.answered(at + 1, open.request, open.answer));
        }
        expect(history.states).toContain(real);
      });
      expect(explained).not.toContain(false);
    }),
  );
});
