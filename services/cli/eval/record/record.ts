import { existsSync } from "node:fs";
import { join } from "node:path";
import { connection, httpClient } from "../../http-client.ts";
import { parseOptions, printable, type Terminal, UsageError } from "../../terminal.ts";
import { setFile } from "../folder-set.ts";
import { allFeedback, explainedTrace, type ListedFeedback } from "./api.ts";
import { type CaseJudgement, caseLine, documentName, judgementOfFeedback, putCase } from "./case.ts";

const help = `usage: reticent eval record --retrieval ID --judgement answerable|unanswerable [--relevant SOURCE/ID …] [--wrong SOURCE/ID …] --into DIR
       reticent eval record --retrieval ID --from-feedback --into DIR
       reticent eval record --from-feedback

Makes a case of a set of one's own from a retrieval and a judgement: a line of DIR/queries.jsonl with the question, who asked, and the names
of documents, never a text of theirs. A retrieval that was recorded before is replaced. \`reticent eval DIR\` runs the set; it needs a set.yaml
that names a folder of documents and a policy folder, or a corpus.jsonl.

  --retrieval ID   the id of an answer or abstention (ret_…)
  --judgement J    whether a document answers the question, for this caller
  --relevant D     a document that answers it, as SOURCE/ID; may be given several times
  --wrong D        a document that must not come before those; may be given several times
  --from-feedback  take the judgement from the stored feedback; without --retrieval list all stored feedback
  --kind K         the kind of the case (default recorded)
  --split S        calib or test (default test)
  --json           one JSON object, or one per line for the list
  --url U          address of the service (RETICENT_URL, else http://127.0.0.1:8080)
  --token T        a token that may explain (RETICENT_TOKEN)
`;

/** `reticent eval record`. @returns the exit code; @throws UsageError, CommandError, ServiceError */
export async function record(args: readonly string[], { stdout, env }: Terminal): Promise<number> {
  const { values } = parseOptions({
    args: [...args],
    options: {
      retrieval: { type: "string" },
      judgement: { type: "string" },
      relevant: { type: "string", multiple: true, default: [] },
      wrong: { type: "string", multiple: true, default: [] },
      "from-feedback": { type: "boolean", default: false },
      kind: { type: "string", default: "recorded" },
      split: { type: "string", default: "test" },
      into: { type: "string" },
      json: { type: "boolean", default: false },
      url: { type: "string" },
      token: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    stdout.write(help);
    return 0;
  }
  const { retrieval, judgement, into, kind, split } = values;
  if (judgement !== undefined && judgement !== "answerable" && judgement !== "unanswerable") {
    throw new UsageError(`--judgement: answerable or unanswerable, not "${judgement}"`);
  }
  if (split !== "calib" && split !== "test") throw new UsageError(`--split: calib or test, not "${split}"`);
  for (const text of values.relevant) documentName("relevant", text);
  for (const text of values.wrong) documentName("wrong", text);
  const fromFeedback = values["from-feedback"];

  if (retrieval === undefined) {
    if (!fromFeedback) throw new UsageError("--retrieval is needed, or --from-feedback for a list");
    if (into !== undefined) throw new UsageError("--into needs --retrieval");
    const client = httpClient(connection(values, env));
    const lines = (await allFeedback(client)).map((one) => (values.json ? JSON.stringify(one) : listLine(one)));
    stdout.write(lines.map((line) => `${line}\n`).join(""));
    return 0;
  }
  if (into === undefined) throw new UsageError("--into is needed: the folder of the set");
  if (judgement === undefined && !fromFeedback) throw new UsageError("--judgement is needed, or --from-feedback");

  const client = httpClient(connection(values, env));
  const trace = await explainedTrace(client, retrieval);
  const stored = fromFeedback ? judgementOfFeedback(trace) : { relevant: [], wrong: [] };
  const relevant = [...new Set([...values.relevant, ...(judgement === "unanswerable" ? [] : stored.relevant)])];
  const answerable = judgement === undefined ? relevant.length > 0 : judgement === "answerable";
  if (judgement === undefined && !answerable) {
    throw new UsageError(
      "the feedback names no useful document: say --judgement answerable with --relevant, or unanswerable",
    );
  }
  if (answerable && relevant.length === 0) throw new UsageError("--relevant is needed for an answerable question");
  if (!answerable && relevant.length > 0)
    throw new UsageError("--relevant: an unanswerable question has no relevant document");
  const judged: CaseJudgement = {
    answerable,
    relevant,
    wrong: [...new Set([...values.wrong, ...stored.wrong])].filter((name) => !relevant.includes(name)),
    kind,
    split,
  };
  const overCorpus = existsSync(join(into, "corpus.jsonl"));
  const line = caseLine(trace, judged, overCorpus);
  const outcome = putCase(into, trace.id, line);
  if (values.json) stdout.write(`${JSON.stringify({ outcome, case: JSON.parse(line) }, null, 2)}\n`);
  else {
    stdout.write(`${outcome}: ${trace.id} in ${join(into, "queries.jsonl")}\n`);
    if (!overCorpus && !existsSync(join(into, setFile))) {
      stdout.write(
        `${join(into, setFile)} is still needed: corpus (a folder of <tenant>/<source>) and policies (a policy folder)\n`,
      );
    }
  }
  return 0;
}

function listLine({ retrieval, judgement, source, document_id, user, actors, at, comment }: ListedFeedback): string {
  const what = source === null || document_id === null ? "the answer" : `${source}/${document_id}`;
  const who = [user, ...actors].join(" via ");
  return printable([retrieval, at, judgement, what, who, comment === null ? "" : `"${comment}"`].join("  "));
}
