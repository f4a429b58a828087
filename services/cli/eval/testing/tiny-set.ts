import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A folder that is gone when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "reticent-eval-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const lines = (items: readonly object[]) => items.map((item) => `${JSON.stringify(item)}\n`).join("");

/** Writes a set from its parts; what is absent has no file. */
export function writeSet(parts: Readonly<Record<string, readonly object[] | object>>): string {
  const folder = temporaryFolder();
  for (const [file, content] of Object.entries(parts)) {
    writeFileSync(join(folder, file), Array.isArray(content) ? lines(content) : JSON.stringify(content));
  }
  return folder;
}

const document = (id: string, tenant: string, title: string, text: string, meta: object = {}) => ({
  id,
  title,
  text,
  source: "hand book",
  updatedAt: "2024-05-01",
  meta: { tenant, ...meta },
});

const rule = (docId: string, tenant: string, visibility: string, extra: object = {}) => ({
  docId,
  tenant,
  visibility,
  allowGroups: [],
  denyGroups: [],
  allowUsers: [],
  denyUsers: [],
  label: "General Pages",
  ...extra,
});

/** Two tenants, nested groups with a cycle, a guest, an inactive user, a user of both tenants and one of none. */
export const tinySet = {
  "corpus.jsonl": [
    document("red/welcome", "red", "Welcome", "# Welcome\n\nWelcome to the red company. We bake bread every morning."),
    document("red/leave", "red", "Leave", "# Leave\n\nEmployees take thirty days of holiday leave each year."),
    document(
      "red/salaries",
      "red",
      "Salaries",
      "# Salaries\n\nThe salary bands of bakers start at forty thousand crowns.",
    ),
    document(
      "red/oven",
      "red",
      "Oven on call",
      "# Oven\n\nWhen the oven alarm rings at night, restart the burner twice.",
    ),
    document("blue/leave", "blue", "Leave", "# Leave\n\nSailors take twenty days of shore leave after each voyage."),
  ],
  "acl.jsonl": [
    rule("red/welcome", "red", "public", { denyUsers: ["dan"] }),
    rule("red/leave", "red", "tenant", { denyGroups: ["agency"] }),
    rule("red/salaries", "red", "restricted", { allowGroups: ["finance"], label: "18f" }),
    rule("red/oven", "red", "restricted", { allowGroups: ["oncall"], allowUsers: ["gus"] }),
    rule("blue/leave", "blue", "tenant"),
  ],
  "principals.json": {
    tenants: ["red", "blue"],
    users: [
      { id: "ann", tenants: ["red"], type: "employee", active: true },
      { id: "bob", tenants: ["red"], type: "contractor", active: true },
      { id: "dan", tenants: ["red"], type: "employee", active: true },
      { id: "gus", tenants: ["red"], type: "guest", active: true },
      { id: "ina", tenants: ["red"], type: "employee", active: false },
      { id: "mix", tenants: ["red", "blue"], type: "contractor", active: true },
      { id: "zed", tenants: [], type: "guest", active: true },
    ],
    groups: [
      { id: "finance", members: ["ann"], memberGroups: [] },
      { id: "agency", members: [], memberGroups: ["temps"] },
      { id: "temps", members: ["bob"], memberGroups: [] },
      { id: "cloud", members: [], memberGroups: ["oncall"] },
      { id: "oncall", members: ["dan"], memberGroups: ["cloud"] },
    ],
  },
  "queries.jsonl": [
    {
      id: "q1",
      text: "how many days of holiday leave do employees take each year",
      answerable: true,
      relevant: ["red/leave"],
      kind: "single-tenant",
      split: "test",
      fold: 0,
    },
    {
      id: "q2",
      text: "where do the salary bands of bakers start",
      answerable: true,
      relevant: ["red/salaries"],
      kind: "single-tenant",
      split: "test",
      fold: 1,
    },
    {
      id: "q3",
      text: "submarine periscope maintenance interval",
      answerable: false,
      relevant: [],
      kind: "no-answer-far",
      split: "test",
      fold: 2,
    },
    {
      id: "q4",
      text: "what to do when the oven alarm rings at night",
      answerable: true,
      relevant: ["red/oven"],
      kind: "single-tenant",
      split: "calib",
      fold: 3,
    },
  ],
} as const;

/** What the permission model says about {@link tinySet}, written down by hand. */
export const tinyVisible: Readonly<Record<string, readonly string[]>> = {
  ann: ["red/leave", "red/salaries", "red/welcome"],
  bob: ["red/welcome"],
  dan: ["red/leave", "red/oven"],
  gus: ["red/oven", "red/welcome"],
  ina: [],
  mix: ["blue/leave", "red/leave", "red/welcome"],
  zed: ["red/welcome"],
};
