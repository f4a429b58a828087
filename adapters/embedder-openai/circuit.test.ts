import { expect, test } from "vitest";
import { Circuit, RetryBudget } from "./circuit.ts";

function circuit() {
  let now = 1_000;
  const made = new Circuit({ failures: 3, restMs: 100 }, () => now);
  return {
    circuit: made,
    pass: (ms: number) => {
      now += ms;
    },
    fail: (times: number) => {
      for (let i = 0; i < times; i++) {
        made.asked();
        made.failed();
      }
    },
  };
}

test("it opens after failures in a row, and an answer between them starts the count anew", () => {
  const { circuit: made, fail } = circuit();
  fail(2);
  made.answered();
  fail(2);
  expect(made.blockedMs()).toBe(0);
  fail(1);
  expect(made.blockedMs()).toBe(100);
});

test("after its rest one request looks while the others wait; its outcome decides", () => {
  const { circuit: made, fail, pass } = circuit();
  fail(3);
  pass(99);
  expect(made.blockedMs()).toBe(1);
  pass(1);
  expect(made.blockedMs()).toBe(0);
  made.asked();
  expect(made.blockedMs()).toBe(100);
  made.failed();
  expect(made.blockedMs()).toBe(100);
  pass(100);
  made.asked();
  made.answered();
  expect(made.blockedMs()).toBe(0);
  // Closed for good, and the count is new.
  fail(2);
  expect(made.blockedMs()).toBe(0);
});

test("a pause that was asked for holds whether or not it is open, and a look that was told to wait is over", () => {
  const { circuit: made, fail, pass } = circuit();
  made.pause(50);
  expect(made.blockedMs()).toBe(50);
  pass(50);
  expect(made.blockedMs()).toBe(0);
  fail(3);
  pass(100);
  made.asked();
  made.pause(30);
  expect(made.blockedMs()).toBe(30);
  pass(30);
  expect(made.blockedMs()).toBe(0);
});

test("retries are a fifth of the answers in the long run", () => {
  const budget = new RetryBudget();
  let retries = 0;
  while (budget.spend()) retries += 1;
  expect(retries).toBe(10);
  for (let i = 0; i < 10; i++) budget.earn();
  expect([budget.spend(), budget.spend(), budget.spend()]).toEqual([true, true, false]);
});
