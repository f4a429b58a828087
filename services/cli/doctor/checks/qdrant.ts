import type { CollectionAspect } from "#adapters/index-qdrant/examine.ts";
import { type CollectionsLook, lookAtQdrant, type QdrantLook } from "#adapters/index-qdrant/look.ts";
import { checkVersion, oldestVersion } from "#adapters/index-qdrant/version.ts";
import { answerMs, type Context, isLoopback, type LedgerFacts, type ModelsInUse, many, short } from "../context.ts";
import { type Found, failed, type Handle, ok, warning } from "../examination.ts";
import { reasonOf } from "../reason.ts";
import { placeOf } from "../redact.ts";

const names = [
  "index-server",
  "index-key",
  "index-collections",
  "index-vectors",
  "index-payload-indexes",
  "index-strict-mode",
  "index-ledger",
  "index-filled",
  "index-points",
] as const;

const refill =
  "delete the collections of this fingerprint and start a process: it makes them anew, and the ledger fills them again";

/** All lines about the index. An embedded one lies in the ledger's file and has none of its own. */
export function checkIndex(context: Context, models: Handle<ModelsInUse>, ledger: Handle<LedgerFacts>): void {
  const { config, examination, spoilt } = context;
  const blamed = spoilt.get("index");
  const { qdrant } = config;
  if (blamed !== undefined) {
    for (const name of names) examination.skip(name, `not asked, because of ${blamed}`);
    return;
  }
  if (config.adapters.index === "sqlite" || qdrant === undefined) {
    examination.check({
      name: "index-server",
      advice: "",
      look: () => ok("in the ledger's file and in memory, with no server"),
    });
    return;
  }
  const place = placeOf(qdrant.url);
  const { apiKey } = qdrant;
  const opened = (): QdrantLook =>
    lookAtQdrant({
      url: qdrant.url,
      prefix: qdrant.namespace,
      timeoutMs: answerMs(context),
      ...(apiKey === undefined ? {} : { apiKey }),
    });
  const server = examination.check<QdrantLook>({
    name: "index-server",
    advice: "start the server, or correct RETICENT_QDRANT_URL",
    look: () => lookAtServer(opened(), place),
  });
  const open = examination.check<QdrantLook, [typeof server]>({
    name: "index-key",
    needs: [server],
    advice: "correct RETICENT_QDRANT_API_KEY",
    look: async (at) => {
      await at.aliases();
      if (apiKey !== undefined) return ok("accepted", at);
      const told = "the server asks for none";
      if (isLoopback(new URL(qdrant.url).hostname)) return ok(told, at);
      return warning(`${told}: whoever reaches the port reads every text`, "set a key, there and here", at);
    },
  });
  const collections = examination.check<CollectionsLook, [typeof open, typeof models]>({
    name: "index-collections",
    needs: [open, models],
    advice: "look at the server's log",
    look: async (at, { configured }) => {
      const found = await at.collections(configured.fingerprint);
      if (!("problems" in found)) {
        return warning(
          `there is no ${found.join(" and no ")} for ${short(configured.fingerprint)}; the first start makes them`,
          "if documents were indexed before, start a process: the index is filled again from the ledger",
        );
      }
      return aspect(found, "making", `those of ${short(configured.fingerprint)} are there, on one shard each`);
    },
  });
  const judged = (name: string, look: (found: CollectionsLook, models: ModelsInUse) => Found): void => {
    examination.check({ name, needs: [collections, models], advice: refill, look });
  };
  judged("index-vectors", (found, { configured }) => {
    if (found.dimensions !== undefined && found.dimensions !== configured.dimensions) {
      return failed(`dense vectors have ${found.dimensions} dimensions instead of ${configured.dimensions}`, refill);
    }
    return aspect(found, "vectors", `${found.dimensions} dimensions by cosine, terms with idf`);
  });
  judged("index-payload-indexes", (found) =>
    aspect(found, "payload-indexes", "all there, and tenant's is made for tenants"),
  );
  judged("index-strict-mode", (found) => aspect(found, "strict-mode", "on: no filter over a field without an index"));
  checkFilling(context, collections, ledger);
  checkPoints(context, collections, ledger);
}

/** `index-ledger` and `index-filled`: whether the collections are this ledger's, and hold what is live. */
function checkFilling(
  { examination }: Context,
  collections: Handle<CollectionsLook>,
  ledger: Handle<LedgerFacts>,
): void {
  examination.check({
    name: "index-ledger",
    needs: [collections, ledger],
    advice: "",
    look: ({ ledgers }, { id, isNameless = false }) => {
      if (ledgers.length === 0 || (id === undefined && !isNameless)) return ok("the ledger has no name to compare");
      const foreign = ledgers.find((one) => one !== id);
      if (foreign === undefined) return ok(`filled from ${id}`);
      return failed(
        `filled from the ledger ${foreign}, and RETICENT_REDIS_URL leads to ${id ?? "one without documents"}: that was emptied or exchanged, or is another one`,
        "bring the ledger back; who means it deletes the collections (docs/decisions/0023)",
      );
    },
  });
  examination.check({
    name: "index-filled",
    needs: [collections],
    advice: "",
    look: ({ isFilled }) =>
      isFilled
        ? ok("known to hold what is live")
        : failed(
            "not known to hold what is live: questions are answered with 503 reindexing until it is",
            "let a worker run: it fills the index from the ledger",
          ),
  });
}

async function lookAtServer(at: QdrantLook, place: string): Promise<Found<QdrantLook>> {
  let start = 0;
  let version: string;
  try {
    // The second answer's time: the first one's is that of a connection.
    await at.version();
    start = performance.now();
    version = await at.version();
  } catch (error) {
    return failed(`${place}: ${reasonOf(error)}`, "start the server, or correct RETICENT_QDRANT_URL");
  }
  const took = performance.now() - start;
  try {
    checkVersion(version);
  } catch {
    const finding = `${place}: Qdrant ${version.slice(0, 40)}, and at least ${oldestVersion} is needed`;
    return failed(finding, "upgrade the server: an older one can bring deleted points back", at);
  }
  return ok(`${place}: Qdrant ${version}, answers in ${took.toFixed(1)} ms`, at);
}

/** The line of one kind of problem. */
function aspect(found: CollectionsLook, of: CollectionAspect, good: string): Found<CollectionsLook> {
  const problems = found.problems.filter((problem) => problem.aspect === of).map(({ message }) => message);
  return problems.length === 0 ? ok(good, found) : failed(problems.join("; "), refill, found);
}

function checkPoints(
  { examination }: Context,
  collections: Handle<CollectionsLook>,
  ledger: Handle<LedgerFacts>,
): void {
  examination.check({
    name: "index-points",
    needs: [collections],
    advice: "look at the server's log",
    look: async ({ points, status, isOptimizerWell }) => {
      const told = `${many(points, "chunk")}, status ${status}`;
      if (status === "red" || !isOptimizerWell)
        return failed(`${told}, its optimizer failed`, "look at the server's log and disk");
      // Of the ledger nothing is needed: this line stands without it.
      const due = (await ledger.outcome).value?.due ?? 0;
      if (points === 0 && due > 0) {
        return failed(
          `${told}, and the ledger has ${many(due, "document")} to be found in it: none of them is`,
          "let a worker run: it indexes them, or fills the index again; its log says what keeps it",
        );
      }
      return status === "grey"
        ? warning(`${told}: optimisations wait for a write`, "the next write starts them")
        : ok(told);
    },
  });
}
