import { setTimeout as sleep } from "node:timers/promises";

/** Waits for something that other processes or connections bring about. @throws Error when it has not come about within half a minute */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error("it did not come about");
    await sleep(10);
  }
}
