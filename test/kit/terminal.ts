import type { Terminal } from "#services/cli/terminal.ts";

/** A terminal that keeps what is written to it. */
export interface CapturedTerminal extends Terminal {
  readonly out: () => string;
  readonly err: () => string;
}

/** A terminal for a test, with an environment of its own. */
export function capturedTerminal(env: Terminal["env"] = {}): CapturedTerminal {
  let out = "";
  let err = "";
  return {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env,
    out: () => out,
    err: () => err,
  };
}
