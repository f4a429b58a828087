import { describe, expect, test } from "vitest";
import type { PolicyRevisions } from "#core/ports/policy-revisions.ts";

/** Revisions under test. */
export interface OpenRevisions {
  readonly revisions: PolicyRevisions;
  /** The same deployment, as another process sees it. */
  reopen(): Promise<PolicyRevisions>;
  /** Takes the store away under {@link OpenRevisions.revisions}. */
  breakIt(): Promise<void>;
}

/** What every {@link PolicyRevisions} promises. */
export function policyRevisionsContract(name: string, open: () => Promise<OpenRevisions>): void {
  describe(`PolicyRevisions: ${name}`, () => {
    test("nothing is in force before the first process agrees, and then the same for all", async () => {
      const { revisions, reopen } = await open();
      const other = await reopen();
      expect(await revisions.read("one")).toEqual({ current: undefined, isSuperseded: false });
      expect(await revisions.agree(undefined, "one")).toBe(true);
      for (const process of [revisions, other]) {
        expect(await process.read("one")).toEqual({ current: "one", isSuperseded: false });
        expect(await process.read("two")).toEqual({ current: "one", isSuperseded: false });
      }
    });

    test("whoever thinks that another revision is in force changes nothing", async () => {
      const { revisions } = await open();
      await revisions.agree(undefined, "one");
      expect(await revisions.agree(undefined, "two")).toBe(false);
      expect(await revisions.agree("zero", "two")).toBe(false);
      expect(await revisions.agree("zero", "one")).toBe(false);
      expect(await revisions.read("two")).toEqual({ current: "one", isSuperseded: false });
      // A repeat, as after an answer that was lost.
      expect(await revisions.agree("one", "one")).toBe(true);
      expect(await revisions.read("one")).toEqual({ current: "one", isSuperseded: false });
    });

    test("what is replaced counts as superseded, until somebody goes back to it", async () => {
      const { revisions, reopen } = await open();
      await revisions.agree(undefined, "one");
      expect(await revisions.agree("one", "two")).toBe(true);
      const other = await reopen();
      expect(await other.read("one")).toEqual({ current: "two", isSuperseded: true });
      expect(await other.read("two")).toEqual({ current: "two", isSuperseded: false });
      expect(await other.agree("two", "one")).toBe(true);
      expect(await revisions.read("one")).toEqual({ current: "one", isSuperseded: false });
      expect(await revisions.read("two")).toEqual({ current: "one", isSuperseded: true });
    });

    test("of many processes that agree at once, one replaces the revision, and the others hear that it is another", async () => {
      const { revisions, reopen } = await open();
      await revisions.agree(undefined, "one");
      const processes = [revisions, await reopen(), await reopen()];
      const wishes = Array.from({ length: 12 }, (_, number) => `wish ${number}`);
      const agreed = await Promise.all(
        wishes.map((wish, at) => (processes[at % processes.length] ?? revisions).agree("one", wish)),
      );
      expect(agreed.filter(Boolean)).toHaveLength(1);
      const winner = wishes[agreed.indexOf(true)];
      for (const process of processes)
        expect(await process.read("one")).toEqual({ current: winner, isSuperseded: true });
    });

    test("a store that is away is an outage of the ledger, never an old revision", async () => {
      const { revisions, breakIt } = await open();
      await revisions.agree(undefined, "one");
      await breakIt();
      await expect(revisions.read("one")).rejects.toMatchObject({ code: "ledger-unavailable" });
      await expect(revisions.agree("one", "two")).rejects.toMatchObject({ code: "ledger-unavailable" });
    });
  });
}
