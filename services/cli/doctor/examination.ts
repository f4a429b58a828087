import { reasonOf } from "./reason.ts";

/** How a check came out. `skipped`: it could not be asked, and the line says because of what. */
export type Status = "ok" | "warning" | "failed" | "skipped";

/** One line of the report. */
export interface Line {
  /** Stable, kebab-case; several lines may have one, for instance one per token issuer. */
  readonly name: string;
  readonly status: Status;
  /** One sentence. */
  readonly finding: string;
  /** What to do; there exactly for `warning` and `failed`. */
  readonly advice?: string;
  readonly tookMs: number;
}

/** What a check found. */
export type Found<T = unknown> = {
  /** What later checks need of it; they are skipped without it, so one that failed may have it nevertheless. */
  readonly value?: T;
} & (
  | { readonly status: "ok" | "skipped"; readonly finding: string }
  | { readonly status: "warning" | "failed"; readonly finding: string; readonly advice: string }
);

/** Everything is well. */
export const ok = <T>(finding: string, value?: T): Found<T> => ({ status: "ok", finding, ...ofValue(value) });
/** It works, and may not do so for long or not as meant. */
export const warning = <T>(finding: string, advice: string, value?: T): Found<T> => ({
  status: "warning",
  finding,
  advice,
  ...ofValue(value),
});
/** Something does not work. */
export const failed = <T>(finding: string, advice: string, value?: T): Found<T> => ({
  status: "failed",
  finding,
  advice,
  ...ofValue(value),
});
/** It does not apply, or cannot be known. */
export const skipped = <T>(finding: string): Found<T> => ({ status: "skipped", finding });

const ofValue = <T>(value: T | undefined): { readonly value?: T } => (value === undefined ? {} : { value });

/** Advice where a check has none of its own, because it was not to fail that way. */
const unexpected = "look at the settings behind it; if they are right, report this line as a defect";

/** What a check came to know, for the checks that need it. */
export interface Handle<T> {
  readonly name: string;
  readonly outcome: Promise<{ readonly value?: T }>;
}

/** A part of what a check came to know, for those that need only that; they are skipped because of the same check. */
export function derived<T, U>({ name, outcome }: Handle<T>, part: (value: T) => U): Handle<U> {
  return { name, outcome: outcome.then(({ value }) => (value === undefined ? {} : { value: part(value) })) };
}

type Known<D extends readonly Handle<unknown>[]> = {
  readonly [K in keyof D]: D[K] extends Handle<infer T> ? T : never;
};

/** A check to be made. */
export interface Check<T, D extends readonly Handle<unknown>[]> {
  readonly name: string;
  /** Checks whose value it needs: it starts when all of them are there, and is skipped when one has none. */
  readonly needs?: readonly [...D];
  /** What to do when it throws, or does not end in time. */
  readonly advice: string;
  /** Looks, and changes nothing. */
  readonly look: (...known: Known<D>) => Promise<Found<T>> | Found<T>;
}

/**
 * Makes checks side by side, each within a time of its own, and keeps their lines in the order in which they were given. No check is kept from being
 * made by another one's failure, but for those that need what it did not find.
 */
export class Examination {
  readonly #limitMs: number;
  readonly #lines: Promise<Line>[] = [];

  /** @param limitMs longest time of one check, ms; those that need another one begin after it */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Begins a check, as soon as what it needs is known. */
  check<T, const D extends readonly Handle<unknown>[] = []>(check: Check<T, D>): Handle<T> {
    const { name, needs = [] } = check;
    const make = async (): Promise<{ readonly found: Found<T>; readonly tookMs: number }> => {
      const known: unknown[] = [];
      for (const need of needs) {
        const { value } = await need.outcome;
        if (value === undefined) return { found: skipped(`not asked, because of ${need.name}`), tookMs: 0 };
        known.push(value);
      }
      const start = performance.now();
      // Of the type that `needs` says: one value for each.
      const found = await this.#inTime(check, () => check.look(...(known as unknown as Known<D>)));
      return { found, tookMs: Math.round((performance.now() - start) * 10) / 10 };
    };
    // Also of what a check needs: a part of it that cannot be made of its value is this line's failure.
    const made = make().catch((error: unknown) => ({
      found: failed<T>(reasonOf(error), check.advice || unexpected),
      tookMs: 0,
    }));
    this.#lines.push(
      made.then(({ found: { status, finding, ...rest }, tookMs }) => ({
        name,
        status,
        finding,
        ...("advice" in rest ? { advice: rest.advice } : {}),
        tookMs,
      })),
    );
    return { name, outcome: made.then(({ found }) => ofValue(found.value)) };
  }

  /** A check that cannot be made, and why. */
  skip(name: string, finding: string): void {
    this.#lines.push(Promise.resolve({ name, status: "skipped", finding, tookMs: 0 }));
  }

  /** All lines so far, when the last of their checks has ended. Never rejects. */
  lines(): Promise<readonly Line[]> {
    return Promise.all(this.#lines);
  }

  async #inTime<T>(
    { advice }: { readonly advice: string },
    look: () => Promise<Found<T>> | Found<T>,
  ): Promise<Found<T>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Found<T>>((resolve) => {
      timer = setTimeout(
        () => resolve(failed(`no answer within ${this.#limitMs} ms`, advice || unexpected)),
        this.#limitMs,
      );
    });
    try {
      return await Promise.race([(async () => look())(), late]);
    } catch (error) {
      return failed(reasonOf(error), advice || unexpected);
    } finally {
      clearTimeout(timer);
    }
  }
}
