import type { FastifyRequest } from "fastify";
import { during } from "#core/deadline.ts";
import type { Ledger } from "#core/ports/ledger.ts";
import { signalOf } from "./deadline.ts";

/** What of the ledger requests use. */
export type RequestLedger = Pick<
  Ledger,
  "read" | "list" | "putDocument" | "putAccess" | "deleteDocument" | "setDisabled"
>;

/**
 * The ledger for one request: every call carries the request's signal, none begins after its end, and the request waits for none that goes on. A
 * write that was sent by then may have been done: the answer is a 503, and the same write again finds out.
 */
export function ledgerOf(request: FastifyRequest, ledger: RequestLedger): RequestLedger {
  const signal = signalOf(request);
  return {
    read: (keys) => during(signal, () => ledger.read(keys, signal)),
    list: (query) => during(signal, () => ledger.list(query, signal)),
    putDocument: (command) => during(signal, () => ledger.putDocument(command, signal)),
    putAccess: (command) => during(signal, () => ledger.putAccess(command, signal)),
    deleteDocument: (command) => during(signal, () => ledger.deleteDocument(command, signal)),
    setDisabled: (tenant, principal, disabled) =>
      during(signal, () => ledger.setDisabled(tenant, principal, disabled, signal)),
  };
}
