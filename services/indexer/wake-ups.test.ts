import { expect, test } from "vitest";
import type { JobQueue } from "#core/ports/queue.ts";
import { keyOf } from "#test/kit/documents.ts";
import { mostAhead, WakeUps } from "./wake-ups.ts";

/** A queue whose answers come when the test says so. */
function slowQueue() {
  const waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  const wake: JobQueue["wake"] = () => new Promise<void>((resolve, reject) => void waiting.push({ resolve, reject }));
  return { waiting, queue: { wake } };
}

const isSettled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => void setTimeout(resolve, 5, false))]);

test("a slow queue holds no answer up, and a wake-up that is lost is told of and is nobody's error", async () => {
  const { waiting, queue } = slowQueue();
  const wakeUps = new WakeUps(queue);
  const lost: unknown[] = [];
  expect(await isSettled(wakeUps.send(keyOf("a"), (error) => void lost.push(error)))).toBe(true);
  expect(await isSettled(wakeUps.send(keyOf("b"), (error) => void lost.push(error)))).toBe(true);
  const all = wakeUps.allSent();
  expect(await isSettled(all)).toBe(false);
  const gone = new Error("gone");
  waiting[0]?.reject(gone);
  waiting[1]?.resolve();
  await all;
  expect(lost).toEqual([gone]);
});

test("a queue that falls behind by more than the bound holds up whoever comes then, until its own wake-up is sent", async () => {
  const { waiting, queue } = slowQueue();
  const wakeUps = new WakeUps(queue);
  for (let turn = 0; turn < mostAhead; turn++) await wakeUps.send(keyOf(`${turn}`), () => {});
  const late = wakeUps.send(keyOf("late"), () => {});
  expect(await isSettled(late)).toBe(false);
  waiting.at(-1)?.resolve();
  await late;
  waiting[0]?.resolve();
  expect(await isSettled(wakeUps.send(keyOf("one more"), () => {}))).toBe(false);
  for (const { resolve } of waiting) resolve();
  await wakeUps.allSent();
  expect(await isSettled(wakeUps.send(keyOf("again"), () => {}))).toBe(true);
});
