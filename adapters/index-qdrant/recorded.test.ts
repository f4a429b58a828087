import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { dimensions, fingerprint } from "#test/contract/index/world.ts";
import { dropCollections, startQdrant } from "#test/kit/qdrant.ts";
import { type Exchange, recordingProxy, replay } from "#test/kit/qdrant-recording.ts";
import { qdrantScenario } from "#test/kit/qdrant-scenario.ts";
import { openQdrantIndex } from "./qdrant-index.ts";

const file = new URL("../../test/fixtures/qdrant/scenario.jsonl", import.meta.url);
const prefix = "recorded";
const model = { fingerprint, dimensions };

/** What a run came to; the first line of the file. Every further line is an exchange. */
interface Recording {
  readonly server: string;
  readonly answers: readonly unknown[];
}

/** With RETICENT_RECORD=1 and a real server the recording is made anew; to be looked at before it is committed. */
async function record(): Promise<void> {
  const server = await startQdrant();
  if (server === undefined) throw new Error("there is no Qdrant to record");
  await dropCollections(server.url, prefix);
  const proxy = await recordingProxy(server.url);
  const answers = await qdrantScenario(await openQdrantIndex({ url: proxy.url, prefix, model }));
  const { version } = (await (await fetch(server.url)).json()) as { version: string };
  const recording: Recording = { server: `Qdrant ${version}`, answers };
  writeFileSync(
    file,
    [recording, ...proxy.exchanges.map(({ request, answer }) => ({ request, answer }))]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(""),
  );
  await proxy.close();
  await dropCollections(server.url, prefix);
  await server.stop();
}

if (process.env.RETICENT_RECORD === "1") await record();

test("the index asks what it asked the real server, and makes of its answers what it made of them", async () => {
  const [head = "", ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
  const { answers } = JSON.parse(head) as Recording;
  const stand = await replay(lines.map((line) => JSON.parse(line) as Exchange));
  const index = await openQdrantIndex({ url: stand.url, prefix, model });
  expect(JSON.parse(JSON.stringify(await qdrantScenario(index)))).toEqual(answers);
  await stand.close();
});
