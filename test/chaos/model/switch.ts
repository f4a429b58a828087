import type { Machine } from "./linear.ts";

/** Whether a principal is disabled: each request says what it is to be, and is told so. */
export const switchMachine: Machine<boolean, boolean, boolean> = {
  initial: false,
  step: (_state, disabled) => ({ state: disabled, answer: disabled }),
  keyOf: String,
  answerKey: String,
};
