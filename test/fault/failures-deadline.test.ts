import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { limits } from "#core/limits.ts";
import { run as ask } from "#services/cli/ask.ts";
import { never, type PortCall, type PortWatch, signalIn, watchedPort } from "#test/kit/failing-ports.ts";
import { type FailingService, failingService, pageOf } from "#test/kit/failing-service.ts";
import { capturedTerminal } from "#test/kit/terminal.ts";

// What becomes of the time of a request: it is carried to every port, ends every wait, and is no failure of anything.

const asked = {
  ledger: [
    "read",
    "replacements",
    "list",
    "putDocument",
    "putAccess",
    "deleteDocument",
    "setDisabled",
    "disabledAmong",
  ],
  index: ["search", "holdsBack", "texts", "tokenOutputs", "matchTokens", "documents"],
  embedder: ["embed"],
  traces: ["get", "judge", "feedback", "allFeedback", "record"],
};
const exceeded = { status: 503, retryAfter: "1", body: { code: "deadline-exceeded" } };

/** A service whose ports are watched. Once it is told to stand still, nothing works in it but requests. */
async function watchedService(embedder: "hashed" | "minilm", deadlineMs: number) {
  const watch: PortWatch = { calls: [], instead: undefined };
  let standsStill = false;
  const service = await failingService({ embedder, deadlineMs, sweepMs: 600_000 }, (ports) => {
    const { embedder: inner } = ports;
    const tokenOutputs =
      inner.tokenOutputs && watchedPort(watch, "embedder.tokenOutputs", inner.tokenOutputs, asked.embedder);
    return {
      ...ports,
      ledger: watchedPort(watch, "ledger", ports.ledger, asked.ledger),
      index: watchedPort(watch, "index", ports.index, asked.index),
      openQueue: async (events) => {
        const queue = await ports.openQueue(events);
        const wake: typeof queue.wake = async (...args) => (standsStill ? undefined : queue.wake(...args));
        return watchedPort(watch, "queue", { ...queue, wake }, ["wake"]);
      },
      traces: watchedPort(watch, "traces", ports.traces, asked.traces),
      embedder: watchedPort(
        watch,
        "embedder",
        { ...inner, ...(tokenOutputs === undefined ? {} : { tokenOutputs }) },
        asked.embedder,
      ),
    };
  });
  /** The calls that one request makes. */
  const callsOf = async <T>(work: () => Promise<T>): Promise<{ result: T; calls: readonly PortCall[] }> => {
    watch.calls.length = 0;
    const result = await work();
    return { result, calls: [...watch.calls] };
  };
  const standStill = () => {
    standsStill = true;
  };
  return { service, watch, callsOf, standStill };
}

const names = (calls: readonly PortCall[]) => calls.map(({ port, method }) => `${port}.${method}`);

describe("A question", () => {
  let house: Awaited<ReturnType<typeof watchedService>>;
  beforeAll(async () => {
    house = await watchedService("minilm", 20_000);
    await house.service.put("lamp", "The lamp of the lighthouse burns amber.", { wait: true });
    await house.service.put("mast", "The mast of the ship is made of larch.", { wait: true });
  });
  afterAll(() => house.service.close());
  afterEach(() => {
    house.watch.instead = undefined;
  });

  const questions = [
    ["answered", "what burns in the lamp of the lighthouse"],
    ["abstained", "zyxwv utsrq"],
  ] as const;

  test.for(questions)("that is %s carries one signal to every port", async ([outcome, query]) => {
    const { result, calls } = await house.callsOf(() => house.service.ask(query));
    expect(result).toMatchObject({ status: 200, body: { outcome } });
    const ports = calls.filter(({ method }) => method !== "record");
    // The first one is asked before the request is here, for nobody that could wait.
    const signals = ports.slice(1).map(signalIn);
    expect(ports.length).toBeGreaterThan(4);
    expect(new Set(signals).size).toBe(1);
    expect(signals[0]).toBeInstanceOf(AbortSignal);
    expect(new Set(names(calls))).toContain("embedder.tokenOutputs.embed");
  });

  test.for(questions)(
    "that is %s ends in every one of its steps when its time is over: nothing further is asked, and there is no outcome and no trace",
    async ([, query]) => {
      const { calls } = await house.callsOf(() => house.service.ask(query));
      const steps = calls.length - 1;
      for (let step = 1; step < steps; step += 1) {
        house.watch.instead = () => (house.watch.calls.length === step + 1 ? never() : undefined);
        // Longer where a busy machine does not come to the step in time.
        for (let timeout_ms = 100, isReached = false; !isReached; timeout_ms *= 2) {
          const { result, calls: made } = await house.callsOf(() => house.service.ask(query, { timeout_ms }));
          expect({ step: names(calls)[step], ...result }).toMatchObject({ step: names(calls)[step], ...exceeded });
          expect(result.body).not.toHaveProperty("outcome");
          expect(names(made)).toEqual(names(calls.slice(0, made.length)));
          isReached = made.length > step;
          for (const call of made.slice(step)) expect(signalIn(call)?.aborted).toBe(true);
          expect(made.length).toBeLessThanOrEqual(step + 1);
        }
      }
      house.watch.instead = undefined;
      expect(await house.service.ask(query)).toMatchObject({ status: 200 });
    },
  );

  test("gives its place up with its time, however many have hung before", async () => {
    const [[, query]] = questions;
    house.watch.instead = ({ method }) => (method === "search" ? never() : undefined);
    const hung = Array.from({ length: 3 * limits.retrievesAtOnce }, () =>
      house.service.ask(query, { timeout_ms: 200 }),
    );
    for (const reply of await Promise.all(hung)) expect(reply).toMatchObject(exceeded);
    house.watch.instead = undefined;
    expect(await house.service.ask(query)).toMatchObject({ status: 200, body: { outcome: "answered" } });
  });

  test.for([
    [20_001, 422, { code: "limit-exceeded", pointer: "/timeout_ms", limit: { name: "timeout_ms", max: 20_000 } }],
    [limits.leastTimeoutMs - 1, 400, { code: "invalid-request", pointer: "/timeout_ms" }],
    [0.5, 400, { code: "invalid-request", pointer: "/timeout_ms" }],
    ["100", 400, { code: "invalid-request", pointer: "/timeout_ms" }],
    [20_000, 200, { outcome: "answered" }],
  ] as const)("with a time of %j is answered %d", async ([timeout_ms, status, body]) => {
    expect(await house.service.ask(questions[0][1], { timeout_ms })).toMatchObject({ status, body });
  });

  test("on the command line ends with its time, and is not asked a second time", async () => {
    house.watch.instead = ({ method }) => (method === "search" ? never() : undefined);
    const env = { RETICENT_URL: house.service.url, RETICENT_TOKEN: await house.service.token("gwen", ["guests"]) };
    const terminal = capturedTerminal(env);
    const { result, calls } = await house.callsOf(() => ask([questions[0][1], "--timeout-ms", "3000"], terminal));
    expect([result, terminal.err()]).toEqual([1, expect.stringContaining("deadline-exceeded")]);
    expect(names(calls).filter((name) => name === "index.search")).toHaveLength(1);
  });

  test("whose client has gone ends as well", async () => {
    const [[, query]] = questions;
    const reached = Promise.withResolvers<PortCall>();
    house.watch.instead = (call) => {
      if (call.method !== "search") return undefined;
      reached.resolve(call);
      return never();
    };
    const leaving = new AbortController();
    const asking = house.service.ask(query, {}, leaving.signal).catch(() => "gone");
    const signal = signalIn(await reached.promise);
    expect(signal?.aborted).toBe(false);
    leaving.abort();
    expect(await asking).toBe("gone");
    await expect.poll(() => signal?.aborted).toBe(true);
  });
});

describe("Every other request", () => {
  let house: Awaited<ReturnType<typeof watchedService>>;
  let retrieval = "";
  beforeAll(async () => {
    house = await watchedService("hashed", 800);
    await house.service.put("lamp", "The lamp of the lighthouse burns amber.", { wait: true });
    retrieval = String((await house.service.ask("what burns in the lamp of the lighthouse")).body.id);
    house.standStill();
  });
  afterAll(() => house.service.close());
  afterEach(() => {
    house.watch.instead = undefined;
  });

  const admin = ["writers", "explainers"];
  const requests: readonly (readonly [string, (service: FailingService) => ReturnType<FailingService["call"]>])[] = [
    ["PUT document", (to) => to.call("wendy", admin, "PUT", "/v1/documents/open/mast", pageOf("mast", "larch"))],
    [
      "PUT acl",
      (to) => to.call("wendy", admin, "PUT", "/v1/documents/open/lamp/acl", { acl: pageOf("", "").acl, labels: [] }),
    ],
    ["DELETE document", (to) => to.call("wendy", admin, "DELETE", "/v1/documents/open/mast?version=1")],
    ["GET document", (to) => to.call("wendy", admin, "GET", "/v1/documents/open/lamp")],
    ["GET documents", (to) => to.call("gwen", ["guests"], "GET", "/v1/documents")],
    ["GET documents by filter", (to) => to.call("wendy", [...admin, "guests"], "GET", "/v1/documents?via=filter")],
    ["GET documents stored", (to) => to.call("wendy", admin, "GET", "/v1/documents?state=stored&source=open")],
    ["PUT disabled", (to) => to.call("wendy", admin, "PUT", "/v1/principals/user:eve/disabled", { disabled: true })],
    ["GET retrieval", (to) => to.call("gwen", ["guests"], "GET", `/v1/retrievals/${retrieval}`)],
    [
      "POST feedback",
      (to) => to.call("gwen", ["guests"], "POST", `/v1/retrievals/${retrieval}/feedback`, { judgement: "useful" }),
    ],
    ["GET feedback", (to) => to.call("wendy", admin, "GET", "/v1/feedback")],
  ];

  test.for(requests)("%s carries its signal to every port, and ends with its time", async ([, send]) => {
    const { result, calls } = await house.callsOf(() => send(house.service));
    expect(result.status).toBeLessThan(300);
    expect(calls.length).toBeGreaterThan(1);
    // A wake-up holds no answer up, and goes on after it.
    const waitedFor = calls.filter(({ method }) => method !== "wake");
    for (const call of waitedFor) expect([call.method, signalIn(call)]).toEqual([call.method, expect.any(AbortSignal)]);

    house.watch.instead = () => (house.watch.calls.length > 1 ? never() : undefined);
    const during = await house.callsOf(() => send(house.service));
    expect(during.result).toMatchObject(exceeded);
    expect(during.calls).toHaveLength(2);
    house.watch.instead = undefined;
    expect((await send(house.service)).status).toBeLessThan(300);
    // One answer for each, as it was meant.
    expect(house.service.log.filter((line) => line.includes("reply.sent"))).toEqual([]);
  });
});
