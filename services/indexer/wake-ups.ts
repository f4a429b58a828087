import type { DocumentKey } from "#core/document.ts";
import type { JobQueue } from "#core/ports/queue.ts";

/** Wake-ups on their way for requests that have been answered; beyond that, a request waits for its own. */
export const mostAhead = 256;

/**
 * Sends wake-ups without holding an acknowledgement up: what was committed stands whether or not its wake-up gets through, and the queue may have
 * a disk of its own to wait for. A queue that is slower than the writes slows them down, so that what is on its way has a bound.
 */
export class WakeUps {
  readonly #queue: Pick<JobQueue, "wake">;
  readonly #underWay = new Set<Promise<void>>();

  constructor(queue: Pick<JobQueue, "wake">) {
    this.#queue = queue;
  }

  /**
   * @param onLost told when it did not get through; must not throw
   * @returns settled when the request may be answered; never rejects
   */
  async send(key: DocumentKey, onLost: (error: unknown) => void): Promise<void> {
    const sending = this.#queue.wake(key).catch(onLost);
    this.#underWay.add(sending);
    void sending.finally(() => this.#underWay.delete(sending));
    if (this.#underWay.size > mostAhead) await sending;
  }

  /** Settled when none of those that were sent by now is under way. */
  async allSent(): Promise<void> {
    await Promise.all(this.#underWay);
  }
}
