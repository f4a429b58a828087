import type { Caller } from "../access/principal.ts";

/** Turns a bearer token into a caller. The only way by which identity enters the service. */
export interface TokenVerifier {
  /**
   * @throws AppError `unauthenticated`, `token-expired`, `token-too-large`, `groups-missing`, `tenant-not-allowed`, `identity-unavailable`,
   * `agent-without-user`
   */
  verify(token: string): Promise<Caller>;
}
