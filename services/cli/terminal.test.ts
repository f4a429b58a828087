import { expect, test } from "vitest";
import {
  CommandError,
  exitCodeOf,
  integerOption,
  type Output,
  parseOptions,
  printable,
  progressBar,
  styleOf,
  UsageError,
  wantsColor,
  wrap,
} from "./terminal.ts";

function output(isTTY = false): Output & { text: string } {
  return {
    text: "",
    isTTY,
    write(text) {
      this.text += text;
    },
  };
}

test("a wrong command line ends with exit code 2, a refusal with 1, each in one line", async () => {
  const usage = output();
  const fail = (error: Error) => async () => {
    throw error;
  };
  expect(await exitCodeOf("ask", fail(new UsageError("a question is needed")), usage)).toBe(2);
  expect(usage.text).toBe("reticent ask: a question is needed\n");
  const refused = output();
  expect(await exitCodeOf("ask", fail(new CommandError("refused\nfor a reason")), refused)).toBe(1);
  expect(refused.text).toBe("reticent ask: refused for a reason\n");
});

test("a defect of a command is not dressed up as a usage error", async () => {
  const broken = async () => {
    throw new TypeError("a defect");
  };
  await expect(exitCodeOf("ask", broken, output())).rejects.toThrow("a defect");
});

test("an unknown option is a usage error that names it", () => {
  const parse = () => parseOptions({ args: ["--colour"], options: { json: { type: "boolean" } } });
  expect(parse).toThrow(UsageError);
  expect(parse).toThrow("--colour");
});

test("a number outside its bounds, negative or broken, is refused by the option's name", () => {
  const bounds = { min: 1, max: 50 };
  expect(integerOption("top-k", undefined, bounds)).toBeUndefined();
  expect(integerOption("top-k", "50", bounds)).toBe(50);
  for (const bad of ["0", "51", "-1", "3.5", "x", "", "1e1"]) {
    expect(() => integerOption("top-k", bad, bounds)).toThrow("--top-k");
  }
});

test("text of a document cannot drive the terminal", () => {
  expect(printable("a\u001b[31mred\u001b[0m\u0007 \n b\u202egnp\u0000")).toBe("ared bgnp");
  expect(printable("\u001b]0;title\u0007x")).not.toContain("\u001b");
});

test("lines are wrapped at words and never longer than the width", () => {
  expect(wrap("one two three", 7)).toEqual(["one two", "three"]);
  expect(wrap("abcdefghij kl", 4)).toEqual(["abcd", "efgh", "ij", "kl"]);
  expect(wrap("", 4)).toEqual([]);
});

test("colours appear on a terminal only, and never against NO_COLOR", () => {
  expect(wantsColor(output(true), {})).toBe(true);
  expect(wantsColor(output(false), {})).toBe(false);
  expect(wantsColor(output(true), { NO_COLOR: "1" })).toBe(false);
  expect(wantsColor(output(true), { TERM: "dumb" })).toBe(false);
  expect(styleOf(false).red("x")).toBe("x");
  expect(styleOf(true).red("x")).toBe("\u001b[31mx\u001b[39m");
});

test("a progress bar is drawn on a terminal and leaves nothing in a log", () => {
  const log = output(false);
  const quiet = progressBar(log, "wiki", 2);
  quiet.tick();
  quiet.end();
  expect(log.text).toBe("");
  const screen = output(true);
  const bar = progressBar(screen, "wiki", 2);
  bar.note("waiting 12 s");
  expect(screen.text.endsWith("0/2 waiting 12 s")).toBe(true);
  bar.tick();
  expect(screen.text.endsWith("1/2\u001b[K")).toBe(true);
  bar.tick();
  bar.tick();
  bar.end();
  expect(screen.text).toContain("0/2");
  expect(screen.text).toContain("2/2");
  expect(screen.text).not.toContain("3/2");
  expect(screen.text.endsWith("\r\u001b[2K")).toBe(true);
});
