import { expect, test } from "vitest";
import { sentencesOf } from "./sentences.ts";

test("sentences are cut apart, and together they are the text to the last character", () => {
  const text = "One is here.  Is two? Three\n\nfour";
  expect(sentencesOf(text)).toEqual(["One is here.  ", "Is two? ", "Three\n", "\n", "four"]);
  expect(sentencesOf(text).join("")).toBe(text);
  expect(sentencesOf("")).toEqual([]);
});
