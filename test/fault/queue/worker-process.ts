import { openBullQueue } from "#adapters/queue-bullmq/queue.ts";

/*
 * A worker process that says so when it starts on a document, and then works on it until it is killed.
 * Arguments: URL, prefix of the keys, dead workers that a job may have.
 */
const [url = "", prefix = "", maxStalled = ""] = process.argv.slice(2);
const queue = await openBullQueue({
  url,
  prefix,
  concurrency: 1,
  maxAttempts: 3,
  backoffMs: 1,
  maxBackoffMs: 1,
  onGiveUp: async () => {},
  onError: () => {},
  onTrouble: (error) => process.stderr.write(`${String(error)}\n`),
  timing: { lockMs: 400, stalledMs: 100, maxStalled: Number(maxStalled) },
});
queue.start(async ({ id }) => {
  process.stdout.write(`${id}\n`);
  await new Promise((resolve) => {
    setTimeout(resolve, 600_000);
  });
});
