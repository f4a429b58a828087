import { defineConfig } from "vitest/config";

/** Tests stand beside their file or under test/; none needs a network, a container or a data set from outside. */
export default defineConfig({
  test: {
    include: ["{core,adapters,services,bin}/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
