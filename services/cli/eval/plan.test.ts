import { expect, test } from "vitest";
import type { DataPair, DataQuery } from "./dataset.ts";
import type { MappedUser } from "./mapping.ts";
import { judgedOnly } from "./plan.ts";

const user = (id: string): MappedUser => ({ id, name: id, agents: [], tokens: [], visible: new Set() });
const query = (id: string): DataQuery => ({
  id,
  text: id,
  answerable: true,
  relevant: ["a"],
  kind: "any",
  split: "test",
});
const pair = (who: string, queryId: string): DataPair => ({
  id: `${who} ${queryId}`,
  user: who,
  queryId,
  visibleRelevant: [],
  expect: "abstain",
  kind: "any",
});

test("where only what is judged is asked, each query keeps its reader, and a user asks nothing else", () => {
  const [ann, bob, cid] = [user("ann"), user("bob"), user("cid")];
  const queries = ["q1", "q2", "q3"].map(query);
  const plan = {
    queries,
    questions: [ann, bob, cid].map((one) => ({ user: one, queries })),
    readerOf: new Map([
      ["q1", ann],
      ["q2", ann],
      ["q3", bob],
    ]),
  };
  const { questions } = judgedOnly(plan, [pair("bob", "q1"), pair("ann", "q2")]);
  expect(questions.map((one) => [one.user.id, one.queries.map(({ id }) => id).join(" ")])).toEqual([
    ["ann", "q1 q2"],
    ["bob", "q1 q3"],
    ["cid", ""],
  ]);
});
