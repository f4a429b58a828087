import { describe, expect, test } from "vitest";
import type { ProbeStore } from "#core/ports/probes.ts";

/** A store under test. */
export interface OpenProbes {
  readonly probes: ProbeStore;
  /** The same data, as another process sees it. */
  reopen(): Promise<ProbeStore>;
  /** Takes the store away under {@link OpenProbes.probes}. */
  breakIt(): Promise<void>;
}

const vector = Float32Array.of(0.1, -0, 1e-38, -3.4e38, 1 / 3);

/** What every {@link ProbeStore} promises. */
export function probesContract(name: string, open: () => Promise<OpenProbes>): void {
  describe(`ProbeStore: ${name}`, () => {
    test("a fingerprint has no vectors before its first use", async () => {
      const { probes } = await open();
      expect(await probes.read("a")).toEqual(new Map());
      await probes.keep("a", new Map());
      expect(await probes.read("a")).toEqual(new Map());
    });

    test("what is kept is read to the last bit, by every process, and of its own fingerprint alone", async () => {
      const { probes, reopen } = await open();
      await probes.keep("a", new Map([["When does the pump start?", vector]]));
      await probes.keep("b:a", new Map([["Ü \u0000 {x}", Float32Array.of(1)]]));
      for (const store of [probes, await reopen()]) {
        const kept = (await store.read("a")).get("When does the pump start?");
        expect(Buffer.from((kept ?? new Float32Array()).buffer)).toEqual(Buffer.from(vector.buffer));
        expect([...(await store.read("b:a")).keys()]).toEqual(["Ü \u0000 {x}"]);
        expect((await store.read("b")).size).toBe(0);
      }
    });

    test("a vector that is there stays as it is, whoever keeps another one; new ones come beside it", async () => {
      const { probes, reopen } = await open();
      const other = await reopen();
      const mine = new Map([["one", Float32Array.of(1)]]);
      const theirs = new Map([
        ["one", Float32Array.of(2)],
        ["two", Float32Array.of(3)],
      ]);
      await Promise.all([probes.keep("a", mine), other.keep("a", theirs)]);
      const first = await probes.read("a");
      expect([...first.keys()].toSorted()).toEqual(["one", "two"]);
      await other.keep("a", new Map([["one", Float32Array.of(9)]]));
      expect(await other.read("a")).toEqual(first);
    });

    test("a store that is away is an outage of the ledger", async () => {
      const { probes, breakIt } = await open();
      await breakIt();
      const outage = { code: "ledger-unavailable" };
      await expect(probes.read("a")).rejects.toMatchObject(outage);
      await expect(probes.keep("a", new Map([["one", vector]]))).rejects.toMatchObject(outage);
    });
  });
}
