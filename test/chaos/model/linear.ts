/** What a sequential object does with one operation. */
export interface Step<S, A> {
  readonly state: S;
  readonly answer: A;
}

/** A sequential object: what the service promises of one document, or of one principal, if requests came one after the other. */
export interface Machine<S, O, A> {
  readonly initial: S;
  step(state: S, operation: O): Step<S, A>;
  /** Equal for states that are the same. */
  keyOf(state: S): string;
  /** Equal for answers that are the same. */
  answerKey(answer: A): string;
}

/** The states that were possible from one event to the next. */
export interface Segment<S> {
  /** Logical time of the event that began it. */
  readonly from: number;
  readonly states: readonly S[];
}

/** One way in which the requests so far may have taken effect. */
interface Configuration<S, A> {
  readonly state: S;
  /** Requests without a definite answer; those that have taken effect with what they have to answer. */
  readonly open: ReadonlyMap<number, A | undefined>;
}

/**
 * Follows an object through concurrent requests of which some have no known outcome (linearizability, Herlihy and Wing 1990): a request takes effect at
 * one instant between its beginning and its answer, or never when it failed. What is kept is every state that the object can be in.
 */
export class Linear<S, O, A> {
  readonly #machine: Machine<S, O, A>;
  readonly #operations = new Map<number, O>();
  #configurations: readonly Configuration<S, A>[];
  readonly #segments: Segment<S>[];

  constructor(machine: Machine<S, O, A>) {
    this.#machine = machine;
    this.#configurations = [{ state: machine.initial, open: new Map() }];
    this.#segments = [{ from: 0, states: [machine.initial] }];
  }

  /** A request is sent. From now on it may take effect. */
  begin(at: number, request: number, operation: O): void {
    this.#operations.set(request, operation);
    const begun = this.#configurations.map(({ state, open }) => ({
      state,
      open: new Map(open).set(request, undefined),
    }));
    this.#become(at, begun);
  }

  /** A request is answered. @returns false when there is no way in which it could have been answered so; nothing changes then */
  answered(at: number, request: number, answer: A): boolean {
    const key = this.#machine.answerKey(answer);
    const left = this.#configurations.filter(({ open }) => {
      const expected = open.get(request);
      return expected !== undefined && this.#machine.answerKey(expected) === key;
    });
    if (left.length === 0) return false;
    this.#close(at, request, left);
    return true;
  }

  /** A request without an answer cannot take effect any more; whether it did is not known. */
  lost(at: number, request: number): void {
    this.#close(at, request, this.#configurations);
  }

  /** A request was never sent. */
  unsent(at: number, request: number): void {
    this.#close(
      at,
      request,
      this.#configurations.filter(({ open }) => open.get(request) === undefined),
    );
  }

  /** Only states that were seen are left. @returns false when none was possible; nothing changes then */
  seen(at: number, isSeen: (state: S) => boolean): boolean {
    const left = this.#configurations.filter(({ state }) => isSeen(state));
    if (left.length === 0) return false;
    if (left.length < this.#configurations.length) this.#become(at, left);
    return true;
  }

  /** What the object may answer to a request that is open: for the output. */
  expected(request: number): readonly A[] {
    const answers = this.#configurations.flatMap(({ open }) => open.get(request) ?? []);
    return [...new Map(answers.map((answer) => [this.#machine.answerKey(answer), answer])).values()];
  }

  /** True while a request may still take effect. */
  get isOpen(): boolean {
    return this.#operations.size > 0;
  }

  /** Possible states now. */
  get states(): readonly S[] {
    return this.#segments.at(-1)?.states ?? [];
  }

  /** When the last event was. */
  get since(): number {
    return this.#segments.at(-1)?.from ?? 0;
  }

  /** Every state that was possible at some instant between two times, both exclusive of events at the same time. */
  statesDuring(from: number, to: number): readonly S[] {
    const states = new Set<S>();
    let end = Number.POSITIVE_INFINITY;
    for (let at = this.#segments.length - 1; at >= 0; at -= 1) {
      const segment = this.#segments[at];
      if (segment === undefined || end <= from) break;
      if (segment.from < to) for (const state of segment.states) states.add(state);
      end = segment.from;
    }
    return [...states];
  }

  #close(at: number, request: number, configurations: readonly Configuration<S, A>[]): void {
    this.#operations.delete(request);
    const closed = configurations.map(({ state, open }) => {
      const rest = new Map(open);
      rest.delete(request);
      return { state, open: rest };
    });
    this.#become(at, closed);
  }

  /** Everything that can follow from some configurations without a further event. */
  #become(at: number, configurations: readonly Configuration<S, A>[]): void {
    const found = new Map<string, Configuration<S, A>>();
    const queue = [...configurations];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const key = this.#keyOf(next);
      if (found.has(key)) continue;
      found.set(key, next);
      for (const [request, answer] of next.open) {
        const operation = this.#operations.get(request);
        if (answer !== undefined || operation === undefined) continue;
        const step = this.#machine.step(next.state, operation);
        queue.push({ state: step.state, open: new Map(next.open).set(request, step.answer) });
      }
    }
    this.#configurations = [...found.values()];
    const states = new Map(this.#configurations.map(({ state }) => [this.#machine.keyOf(state), state]));
    this.#segments.push({ from: at, states: [...states.values()] });
  }

  #keyOf({ state, open }: Configuration<S, A>): string {
    const requests = [...open].toSorted(([a], [b]) => a - b);
    const said = requests.map(([request, answer]) =>
      answer === undefined ? `${request}` : `${request}=${this.#machine.answerKey(answer)}`,
    );
    return `${this.#machine.keyOf(state)}|${said.join("|")}`;
  }
}
