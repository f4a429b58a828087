/** What the service stands on, as docs/operations.md names it. */
export type Dependency = "ledger" | "queue" | "traces" | "index" | "endpoint";

/** What is asked of a service while something is wrong, in the order of the documented table. */
export const operations = [
  "question",
  "document",
  "access",
  "deletion",
  "disabling",
  "list",
  "selection",
  "trace",
  "status",
  "readiness",
] as const;
/** One of {@link operations}. */
export type Operation = (typeof operations)[number];

/** The answer: a status, and the code of a 503 or of a readiness. */
export interface Documented {
  readonly status: number;
  readonly code?: string;
}

const ok: Documented = { status: 200 };
const refusedBy = (code: string): Documented => ({ status: 503, code });

/** Answers of a service of which nothing is wrong. */
export const healthy: Readonly<Record<Operation, Documented>> = {
  question: ok,
  document: { status: 202 },
  access: ok,
  deletion: ok,
  disabling: ok,
  list: ok,
  selection: ok,
  trace: ok,
  status: ok,
  readiness: ok,
};

const ledger = refusedBy("ledger-unavailable");
const index = refusedBy("index-unavailable");

/** What each operation is answered while a dependency fails, however it fails. */
export const documented: Readonly<Record<Dependency, Readonly<Record<Operation, Documented>>>> = {
  ledger: {
    question: ledger,
    document: ledger,
    access: ledger,
    deletion: ledger,
    disabling: ledger,
    list: ledger,
    selection: ledger,
    trace: ledger,
    status: ledger,
    readiness: ledger,
  },
  queue: { ...healthy, readiness: { status: 200, code: "queue-unreachable" } },
  traces: { ...healthy, trace: refusedBy("traces-unavailable") },
  index: { ...healthy, question: index, selection: index, readiness: index },
  endpoint: {
    ...healthy,
    question: refusedBy("embedder-unavailable"),
    readiness: { status: 200, code: "embedder-unavailable" },
  },
};

const rows: Readonly<Record<Operation, string>> = {
  question: "`POST /v1/retrieve`",
  document: "`PUT` a document",
  access: "`PUT …/acl`",
  deletion: "`DELETE` a document",
  disabling: "`PUT …/disabled`",
  list: "`GET /v1/documents`",
  selection: "… with `via=filter`",
  trace: "`GET /v1/retrievals/…`",
  status: "`GET /v1/status`",
  readiness: "`GET /readyz`",
};

const columns: Readonly<Record<Dependency, string>> = {
  ledger: "ledger's Redis",
  queue: "queue's Redis",
  traces: "traces' Redis",
  index: "Qdrant",
  endpoint: "embeddings endpoint",
};

/** The table of docs/operations.md. */
export function failureTable(): string {
  const dependencies = Object.keys(columns) as Dependency[];
  const cell = ({ status, code }: Documented) => (code === undefined ? String(status) : `${status} \`${code}\``);
  return [
    `| | ${dependencies.map((one) => columns[one]).join(" | ")} |`,
    `|---|${dependencies.map(() => "---").join("|")}|`,
    ...operations.map(
      (operation) =>
        `| ${rows[operation]} | ${dependencies.map((one) => cell(documented[one][operation])).join(" | ")} |`,
    ),
  ].join("\n");
}
