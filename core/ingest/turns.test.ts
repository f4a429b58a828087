import { expect, test } from "vitest";
import { inTurns, turnMs } from "./turns.ts";

test("work that goes on longer than its turn lets everything that waits go first", async () => {
  let served = 0;
  setImmediate(() => {
    served += 1;
  });
  function* work(): Generator<undefined, number, undefined> {
    yield;
    const before = served;
    for (const until = performance.now() + turnMs; performance.now() <= until; );
    yield;
    return served - before;
  }
  expect(await inTurns(work())).toBe(1);
});

test("what the work throws rejects, and its result comes back", async () => {
  function* work(fails: boolean): Generator<undefined, string, undefined> {
    yield;
    if (fails) throw new Error("broken");
    return "done";
  }
  await expect(inTurns(work(true))).rejects.toThrow("broken");
  expect(await inTurns(work(false))).toBe("done");
});
