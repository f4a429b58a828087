/** Watches somebody who owes answers. */
export interface SilenceWatch {
  /** Something was asked. */
  asked(): void;
  /** Something was answered; `isDone` when nothing is owed any more. */
  answered(isDone: boolean): void;
}

/** How long a thread may owe an answer without giving any, ms: a thousand times what its work takes. */
export const threadPatienceMs = 30_000;

/**
 * Tells when somebody who owes answers gives none at all for a time. A process that stood still itself, with its machine asleep say, tells of nobody
 * before it has looked for the answers that came meanwhile.
 * @param onSilence called once for each silence
 */
export function watchSilence(patienceMs: number, onSilence: () => void): SilenceWatch {
  let timer: NodeJS.Timeout | undefined;
  let answers = 0;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      const before = answers;
      // Timers run before what has arrived.
      setImmediate(() => {
        if (answers === before) onSilence();
      });
    }, patienceMs);
    timer.unref();
  };
  return {
    asked: () => {
      if (timer === undefined) wait();
    },
    answered: (isDone) => {
      answers += 1;
      if (!isDone) return wait();
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
