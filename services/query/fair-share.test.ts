import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { FairShare } from "./fair-share.ts";

const never = new AbortController().signal;

/** Work that ends when the test says so, and tells when it has begun. */
function works(share: FairShare) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const start = (key: string, name: string, signal = never) =>
    share.run(key, signal, () => {
      begun.push(name);
      return new Promise<string>((resolve) => {
        ends.set(name, () => resolve(name));
      });
    });
  return { begun, start, end: (name: string) => ends.get(name)?.() };
}

test("a burst of one principal waits for itself, in its order, and nobody else waits for it", async () => {
  const share = new FairShare(2);
  const { begun, start, end } = works(share);
  const all = ["a1", "a2", "a3", "a4"].map((name) => start("a", name));
  all.push(start("b", "b1"));
  await setImmediate();
  expect(begun).toEqual(["a1", "a2", "b1"]);
  end("a2");
  await setImmediate();
  expect(begun).toEqual(["a1", "a2", "b1", "a3"]);
  for (const name of ["a1", "b1", "a3"]) end(name);
  await setImmediate();
  end("a4");
  expect(await Promise.all(all)).toEqual(["a1", "a2", "a3", "a4", "b1"]);
  expect(share.size).toBe(0);
});

test("whoever leaves the line does so at once, and a place that was just handed to it goes on to the next", async () => {
  const share = new FairShare(1);
  const { begun, start, end } = works(share);
  const leaving = [new AbortController(), new AbortController()] as const;
  const first = start("a", "first");
  const [gone, late] = leaving.map(({ signal }, at) => start("a", `late ${at}`, signal));
  const last = start("a", "last");
  leaving[0].abort();
  await expect(gone).rejects.toMatchObject({ code: "deadline-exceeded" });
  end("first");
  leaving[1].abort();
  await first;
  await expect(late).rejects.toMatchObject({ code: "deadline-exceeded" });
  for (let turns = 0; turns < 5; turns++) await setImmediate();
  end("last");
  await last;
  expect([begun.includes("last"), share.size]).toEqual([true, 0]);
});

test("work that goes on after its time gives its place up", async () => {
  const share = new FairShare(1);
  const { begun, start, end } = works(share);
  const over = new AbortController();
  const hung = start("a", "hung", over.signal);
  const next = start("a", "next");
  over.abort();
  await expect(hung).rejects.toMatchObject({ code: "deadline-exceeded" });
  for (let turns = 0; turns < 5; turns++) await setImmediate();
  expect(begun).toEqual(["hung", "next"]);
  end("next");
  await next;
  expect(share.size).toBe(0);
});

test("what nobody waits for any more is never begun, and a failure hands its place on", async () => {
  const share = new FairShare(1);
  const { begun, start, end } = works(share);
  const gone = new AbortController();
  const first = start("a", "first");
  const late = start("a", "late", gone.signal);
  const failing = share.run("a", never, () => Promise.reject(new Error("broken")));
  const last = start("a", "last");
  const outcomes = Promise.allSettled([first, late, failing, last]);
  gone.abort();
  end("first");
  await setImmediate();
  end("first");
  for (let turns = 0; turns < 5; turns++) await setImmediate();
  end("last");
  expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  await expect(late).rejects.toMatchObject({ code: "deadline-exceeded" });
  expect(begun).toEqual(["first", "last"]);
  expect(share.size).toBe(0);
});
