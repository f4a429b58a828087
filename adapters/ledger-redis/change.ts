import { assertTime } from "#core/deadline.ts";
import type { DocumentKey } from "#core/document.ts";
import type { Clock } from "#core/ports/clock.ts";
import { attempts, guarded, oneAtATime } from "./attempts.ts";
import { indexCommands } from "./entries.ts";
import { type Envelope, nextValue, type ReadEnvelope } from "./envelope.ts";
import type { Fingerprints } from "./fingerprints.ts";
import { nameOf } from "./names.ts";
import { type Command, command } from "./script.ts";
import { isKnown, type Registry, type Store, type Watched } from "./store.ts";

/** What a command is decided on; the step that writes it is refused if any of it moved. */
export interface State {
  readonly before: Envelope | undefined;
  readonly registry: Registry;
  /** ms since the epoch. */
  readonly now: number;
}

/** What a command does to a document. */
export interface Change<T> {
  readonly result: T;
  /** Absent, or the very state that was read: the document stays as it is. */
  readonly after?: Envelope | undefined;
  /** Further commands of the same atomic step. */
  readonly commands?: readonly Command[];
  /** What else must not have moved. */
  readonly watched?: readonly Watched[];
}

/** What is to be changed, and for whom. */
export interface Changing {
  readonly key: DocumentKey;
  /** One that the registry must know before the document may refer to it. */
  readonly fingerprint?: string;
  /** Once it is aborted, nothing further is sent. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a document, decides, and writes everything that follows in one atomic step; anew when anything moved in between.
 * @throws AppError what `decide` throws, `ledger-unavailable` or `deadline-exceeded`
 */
export type ChangeDocument = <T>(
  what: Changing,
  decide: (state: State) => Change<T> | Promise<Change<T>>,
) => Promise<T>;

/** What {@link changeDocuments} works on. */
export interface ChangeParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly envelopeOf: (name: string, value: string | null) => ReadEnvelope;
  readonly fingerprints: Pick<Fingerprints, "learn">;
}

/** Makes the compare-and-set on a document that every command of the ledger goes through. */
export function changeDocuments({ store, clock, envelopeOf, fingerprints }: ChangeParts): ChangeDocument {
  const { names } = store;
  const inTurn = oneAtATime();
  return <T>({ key, fingerprint, signal }: Changing, decide: (state: State) => Change<T> | Promise<Change<T>>) => {
    const name = nameOf(key);
    const documentKey = names.document(name);
    const attempt = async (): Promise<{ readonly result: T } | undefined> => {
      const { registry: read, values } = await store.get([documentKey]);
      const { registry, word } = read;
      if (fingerprint !== undefined && !isKnown(registry, fingerprint)) {
        await fingerprints.learn(fingerprint);
        return undefined;
      }
      const { revision, envelope: before } = envelopeOf(name, values[0] ?? null);
      const now = clock();
      const { result, after, commands = [], watched = [] } = await decide({ before, registry, now });
      const steps = [...commands];
      if (after !== undefined && after !== before) {
        steps.push(command(["SET", documentKey, nextValue(revision, after)]));
        steps.push(...indexCommands(names, before, after, registry.fingerprints, now));
      }
      if (steps.length === 0) return { result };
      assertTime(signal);
      const replies = await store.run([[names.registry, word], [documentKey, revision], ...watched], steps);
      return replies && { result };
    };
    return guarded(() => inTurn(name, () => attempts(attempt, signal)));
  };
}
