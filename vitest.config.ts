import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Tests stand beside their file or under test/; none needs a network, a container or a data set from outside. */
export default defineConfig({
  test: {
    include: ["{core,adapters,services,bin}/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Many tests wait for servers and timers: one worker, as two cores would get otherwise, leaves most of the machine idle.
    maxWorkers: Math.max(2, availableParallelism()),
  },
});
