import { type ParseArgsConfig, parseArgs, stripVTControlCharacters } from "node:util";

/** The command line was used wrongly. Ends the command with exit code 2 and one line on stderr. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A failure that one line explains to the person at the terminal. Ends the command with exit code 1. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
}

/** Where a command writes: the process's own streams, or a test's. */
export interface Terminal {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The part of a stream that the command line needs. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The terminal that the process was started in. */
export const processTerminal: Terminal = { stdout: process.stdout, stderr: process.stderr, env: process.env };

/**
 * `parseArgs` of node:util (strict unless told otherwise), with its complaints as {@link UsageError}s.
 * @throws UsageError for an unknown option, a missing value, or an argument that was not expected.
 */
export function parseOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // The first sentence says what is wrong; the rest explains node's own rules about quoting.
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split(". ")[0] ?? message, { cause: error });
  }
}

/**
 * An option that is a whole number.
 * @throws UsageError when it is not one, or lies outside min … max.
 */
export function integerOption(name: string, value: string | undefined, bounds: { min: number; max: number }) {
  if (value === undefined) return undefined;
  const parsed = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(parsed >= bounds.min && parsed <= bounds.max)) {
    throw new UsageError(`--${name}: a whole number from ${bounds.min} to ${bounds.max}, not "${value}"`);
  }
  return parsed;
}

/**
 * Runs a command and turns what it throws into an exit code: 2 for {@link UsageError}, 1 for {@link CommandError}, each with one
 * line on stderr. Anything else is a defect of the command and is thrown on.
 */
export async function exitCodeOf(command: string, body: () => Promise<number>, stderr: Output): Promise<number> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof UsageError || error instanceof CommandError) {
      stderr.write(`reticent ${command}: ${printable(error.message)}\n`);
      return error instanceof UsageError ? 2 : 1;
    }
    throw error;
  }
}

/**
 * Text from a document, a file name or a server, safe to print on one line: white space collapsed, control characters and
 * direction overrides removed, so that a document cannot drive the reader's terminal.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\s+/gu, " ")
    .replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "")
    .trim();
}

/** Wraps one line of text at words into lines of at most `width` characters; a longer word is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (joined.length <= width) {
      line = joined;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    while (line.length > width) {
      lines.push(line.slice(0, width));
      line = line.slice(width);
    }
  }
  return line === "" ? lines : [...lines, line];
}

/** Functions that colour a text, or leave it alone. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
}

/** Colours when `enabled`, otherwise the text itself. */
export function styleOf(enabled: boolean): Style {
  const paint = (open: number, close: number) => (text: string) =>
    enabled ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return { bold: paint(1, 22), dim: paint(2, 22), green: paint(32, 39), yellow: paint(33, 39), red: paint(31, 39) };
}

/** Whether to colour: on a terminal, and not when NO_COLOR is set to anything (no-color.org) or the terminal is a dumb one. */
export function wantsColor(output: Output, env: Terminal["env"]): boolean {
  return output.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}

/** Shows how far a long task has come. */
export interface ProgressBar {
  /** One more step is done. */
  tick(): void;
  /** Puts a remark behind the bar until the next step is done. */
  note(text: string): void;
  /** Removes the bar; call it before anything else is printed. */
  end(): void;
}

/** A bar on one line of a terminal. Writes nothing where the output is not a terminal, or when there is nothing to do. */
export function progressBar(output: Output, label: string, total: number): ProgressBar {
  if (output.isTTY !== true || total === 0) return { tick() {}, note() {}, end() {} };
  const cells = 30;
  let done = 0;
  let drawn = "";
  const draw = (remark = "") => {
    const filled = Math.round((done / total) * cells);
    const line = `${label} [${"#".repeat(filled)}${" ".repeat(cells - filled)}] ${done}/${total}${remark}`;
    // What a longer line before left behind is wiped.
    if (line !== drawn) output.write(`\r${line}${line.length < drawn.length ? "\u001b[K" : ""}`);
    drawn = line;
  };
  draw();
  return {
    tick() {
      done = Math.min(done + 1, total);
      draw();
    },
    note(text) {
      draw(` ${text}`);
    },
    end() {
      output.write("\r\u001b[2K");
    },
  };
}
