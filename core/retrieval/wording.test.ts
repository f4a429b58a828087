import { expect, test } from "vitest";
import { hasNumber, isNegated, wordingOf } from "./wording.ts";

test("names are capitals that no sentence began with, capitals only, and whatever has digits", () => {
  const names = (text: string) => [...wordingOf(text).names];
  expect(names("Who painted the tower of Halden in 1973?")).toEqual(["halden", "1973"]);
  expect(names("AKS costs")).toEqual(["ak"]);
  expect(names("Where is it?")).toEqual([]);
  expect([...wordingOf("Version 1973 of Halden").numbers]).toEqual(["1973"]);
});

test("a negation is a word of its own, contracted or not", () => {
  for (const text of [
    "what is not allowed",
    "Why can't I log in?",
    "why doesn’t it",
    "tea without milk",
    "who cannot vote",
  ]) {
    expect([text, isNegated(text)]).toEqual([text, true]);
  }
  for (const text of ["a note", "knots", "the cannon", "northern"])
    expect([text, isNegated(text)]).toEqual([text, false]);
  expect(wordingOf("Which one is not red?").negated).toBe(true);
});

test("a question for a date or a number is told, and a text that could answer it", () => {
  for (const text of ["When was it built?", "how many sensors are there", "In what year did it open?"]) {
    expect([text, wordingOf(text).quantity]).toEqual([text, true]);
  }
  expect(wordingOf("How do I open it?").quantity).toBe(false);
  expect(["in 1973", "three of them", "the tone of it"].map(hasNumber)).toEqual([true, true, false]);
});
