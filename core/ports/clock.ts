/** Milliseconds since the epoch. Injected, so that expiry and grace can be tested. */
export type Clock = () => number;
