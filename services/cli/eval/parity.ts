import { parseOptions, printable, type Terminal, UsageError } from "../terminal.ts";
import { matched, readPairs } from "./pair-lines.ts";
import { comparePairs, type Difference, type ParityFigures } from "./parity-figures.ts";

const defaults = { outcomes: 99.5, passages: 99 };

const usage = `usage: reticent eval parity A B [options]

Compares what two runs of \`reticent eval DIR --pairs FILE\` answered, user by user and query by query: one on the embedded adapters and one on others, say.
Every difference is listed with its cause: the confidences on both sides of the threshold, and the features that moved them.

  --outcomes PERCENT  at least so many pairs with the same outcome and reason (default ${defaults.outcomes})
  --passages PERCENT  at least so many pairs with the same first five passages (default ${defaults.passages})
  --json              one JSON object on standard output instead of lines

Exit code: 1 when fewer are the same; 2 when it is used wrongly, and when the files are not of the same users and queries.
`;

/** `reticent eval parity A B`. @returns its exit code @throws UsageError */
export function parity(args: readonly string[], { stdout }: Pick<Terminal, "stdout">): number {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      outcomes: { type: "string" },
      passages: { type: "string" },
      json: { type: "boolean" },
    },
  });
  if (values.help === true) {
    stdout.write(usage);
    return 0;
  }
  const [a, b, ...more] = positionals;
  if (a === undefined || b === undefined || more.length > 0)
    throw new UsageError("two files are needed: reticent eval parity A B");
  const bounds = {
    outcomes: percent("outcomes", values.outcomes) ?? defaults.outcomes,
    passages: percent("passages", values.passages) ?? defaults.passages,
  };
  const figures = comparePairs(matched(a, readPairs(a), b, readPairs(b)));
  stdout.write(values.json === true ? `${JSON.stringify({ a, b, ...figures }, null, 2)}\n` : linesOf(a, b, figures));
  const { pairs, same_outcome: outcomes, same_passages: passages } = figures;
  return outcomes * 100 >= bounds.outcomes * pairs && passages * 100 >= bounds.passages * pairs ? 0 : 1;
}

function percent(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parsed = /^\d{1,3}(\.\d{1,6})?$/.test(value) ? Number(value) : Number.NaN;
  if (!(parsed <= 100)) throw new UsageError(`--${name}: a number from 0 to 100, not "${value}"`);
  return parsed;
}

function linesOf(a: string, b: string, figures: ParityFigures): string {
  const { pairs, differences } = figures;
  const share = (count: number, all = pairs) =>
    all === 0 ? "–" : `${((100 * count) / all).toFixed(2)} % (${all - count} differ)`;
  const rows = [
    `${pairs} pairs of user and query: ${a}, ${b}`,
    `  same outcome and reason     ${share(figures.same_outcome)}`,
    `  same first five passages    ${share(figures.same_passages)}`,
    `    of those answered         ${share(figures.same_passages_of_answered, figures.answered)}`,
    `  same first five documents   ${share(figures.same_documents)}, before the gates`,
    `  confidence moved by at most ${figures.largest_move.toFixed(6)}`,
    ...differences.map((one) => printable(`${one.user} ${one.query}: ${told(one)}`)).map((line) => `  ${line}`),
  ];
  return `${rows.join("\n")}\n`;
}

function told({ cause, outcome, confidence, threshold, moved, passages, documents }: Difference): string {
  const parts = [
    outcome[0] === outcome[1] ? outcome[0] : `${outcome[0]} -> ${outcome[1]}`,
    cause,
    `confidence ${confidence[0].toFixed(6)} -> ${confidence[1].toFixed(6)}, threshold ${threshold ?? "unknown"}`,
    moved.length === 0
      ? "no feature moved"
      : `moved: ${moved.map(({ feature, from, to }) => `${feature} ${from ?? "none"} -> ${to ?? "none"}`).join(", ")}`,
    ...(passages === null ? [] : [`passages ${passages[0].join(" ")} -> ${passages[1].join(" ")}`]),
    ...(documents === null ? [] : [`documents ${documents[0].join(" ")} -> ${documents[1].join(" ")}`]),
  ];
  return parts.join("; ");
}
