import { afterAll, beforeAll, expect, test } from "vitest";
import { sizeProbe } from "#adapters/index-qdrant/terms.ts";
import { type FailingHouse, failingHouse, goThrough, lamp } from "#test/kit/failing-house.ts";
import { httpFaults } from "#test/kit/failing-http.ts";
import { healthy } from "#test/kit/failure-table.ts";
import { describeRedis } from "#test/kit/redis.ts";

// Every operation of a whole service while its Qdrant fails. Without a program of it, an imitation answers.

/** An answer of the server; of a search, a list of lists of points. */
interface Answer {
  readonly result: unknown;
}
interface Point {
  readonly id?: string;
  readonly score?: number;
  readonly payload?: unknown;
}
interface Points {
  readonly points: readonly Point[];
}

/** Changes the points of searches and nothing else. */
const ofSearches =
  (change: (searches: readonly Points[]) => readonly Points[]) =>
  (answer: Answer): Answer =>
    Array.isArray(answer.result) && answer.result.some((one: object) => "points" in one)
      ? { ...answer, result: change(answer.result as readonly Points[]) }
      : answer;
const ofPoints = (change: (point: Point) => Point) =>
  ofSearches((searches) => searches.map(({ points }) => ({ points: points.map(change) })));

const withoutProbe = ofSearches((searches) =>
  searches.map(({ points }) => ({ points: points.filter(({ id }) => id !== sizeProbe.id) })),
);

/** Answers in the form of right ones that cannot be. */
const wellFormed: Readonly<Record<string, (answer: Answer) => unknown>> = {
  "leaves the answer to one search of a batch out": ofSearches((searches) => searches.slice(1)),
  "answers more searches than were asked": ofSearches((searches) => [...searches, { points: [] }]),
  "gives more points than were asked for": ofSearches((searches) =>
    searches.map(({ points }) => ({ points: Array.from({ length: 1_000 }, () => points[0] ?? { score: 0 }) })),
  ),
  "gives points without fields": ofPoints(({ payload: _payload, ...point }) => point),
  "gives scores beyond their scale": ofPoints((point) => ({ ...point, score: 7 })),
  "gives no scores": ofPoints((point) => ({ ...point, score: Number.NaN })),
  "gives points of other chunks": ofPoints((point) => ({ ...point, id: "0b31e6ff-2f1c-5d0f-8c5f-0f6c1d7a9e11" })),
  // Neither by the point that says so, nor when it is asked to count.
  "does not say how many there are": (answer) =>
    answer.result !== null && typeof answer.result === "object" && "count" in answer.result
      ? { ...answer, result: {} }
      : withoutProbe(answer),
  "has none of the texts that its own hits belong to": (answer) =>
    Array.isArray(answer.result) && answer.result.every((one: object) => !("points" in one))
      ? { ...answer, result: [] }
      : answer,
};

describeRedis(
  "A service whose Qdrant fails",
  () => {
    let house: FailingHouse;
    beforeAll(async () => {
      house = await failingHouse();
    });
    afterAll(() => house?.close());

    for (const [does, fault] of Object.entries(httpFaults)) {
      test(`gives the documented answers while it ${does}, and loses nothing`, async () => {
        const { qdrant } = house;
        expect(await goThrough(house, "index", { begin: () => qdrant.begin(fault), end: () => qdrant.end() })).toEqual(
          [],
        );
      });
    }

    for (const [does, change] of Object.entries(wellFormed)) {
      test(`takes nothing from it while it ${does}`, async () => {
        const { qdrant, service } = house;
        expect(await service.ask(lamp)).toMatchObject({ body: { outcome: "answered" } });
        await qdrant.begin((body) => change(body as Answer));
        const { status, body } = await service.ask(lamp);
        await qdrant.end();
        expect([status, body.outcome, body.passages]).toEqual([503, undefined, undefined]);
        await expect.poll(async () => (await service.ask(lamp)).body.outcome).toBe("answered");
      });
    }

    test("gives the same answers as ever while it is slow", async () => {
      const { qdrant } = house;
      expect(
        await goThrough(house, "index", { begin: () => qdrant.begin("slow"), end: () => qdrant.end() }, healthy),
      ).toEqual([]);
    });
  },
  { own: true },
);
