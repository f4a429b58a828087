import { expect, test } from "vitest";
import { AppError } from "#core/errors.ts";
import { openingFile, UnusableFile } from "./file-error.ts";

/** What comes out when opening fails with an error. */
async function opening(error: unknown): Promise<unknown> {
  try {
    return await openingFile("/data/some.db", "do this", () => {
      throw error;
    });
  } catch (thrown) {
    return thrown;
  }
}

test("what goes wrong names the file, the store's own reason, and what to do", async () => {
  const store = new Error("file is not a database");
  for (const error of [store, new AppError("ledger-unavailable", {}, { cause: store })]) {
    expect(await opening(error)).toMatchObject({
      name: "UnusableFile",
      message: "/data/some.db: file is not a database; do this",
    });
  }
  const named = new UnusableFile("/data/other.db", "it is empty", "do that");
  expect(await opening(named)).toBe(named);
});

test("a row that cannot be read is not quoted", async () => {
  const parsing = openingFile("/data/some.db", "do this", () => JSON.parse("[the salary is") as unknown);
  await expect(parsing).rejects.toThrow(/^\/data\/some\.db: a row is not what this program writes; do this$/);
});
