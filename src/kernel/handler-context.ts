/** What the handler of a call is given. */
import { checkedMessages, nothing } from "./answer.ts";
import { authorityOf, type ScopeRequest } from "./authority.ts";
import type { Answer, Call } from "./call.ts";
import type { CallContext, OnwardCall } from "./operation.ts";
import { nobody } from "./question.ts";
import type { Admitted } from "./recorder.ts";

/** Made part by part, when the handler asks: most look at one or two of these. */
export class HandlerContext implements CallContext {
  readonly #admitted: Admitted;
  readonly #approved: readonly ScopeRequest[];
  readonly #dispatch: (call: Call) => Promise<Answer>;
  readonly progress: CallContext["progress"];

  constructor(
    admitted: Admitted,
    approved: readonly ScopeRequest[],
    dispatch: (call: Call) => Promise<Answer>,
  ) {
    this.#admitted = admitted;
    this.#approved = approved;
    this.#dispatch = dispatch;
    this.progress = (progress) => admitted.call.onProgress?.(progress);
  }

  get callId() {
    return this.#admitted.run.callId;
  }

  get caller() {
    return this.#admitted.call.caller;
  }

  get sharedBy() {
    return this.#admitted.call.sharedBy;
  }

  get authority() {
    return authorityOf({ ...this.#admitted.authority, approved: this.#approved });
  }

  get signal() {
    return this.#admitted.run.signal;
  }

  get revoked() {
    return this.#admitted.call.revoked;
  }

  get asker() {
    return this.#admitted.call.asker ?? nobody;
  }

  get bytes() {
    return this.#admitted.call.bytes ?? nothing();
  }

  get messages() {
    return checkedMessages(this.#admitted.operation, this.#admitted.call.messages);
  }

  call({ signal, ...onward }: OnwardCall): Promise<Answer> {
    const { surface, caller, sets, revoked, sharedBy, hops } = this.#admitted.call;
    return this.#dispatch({
      ...onward,
      ...{ surface, caller, sets },
      signal: signal === undefined ? this.signal : AbortSignal.any([signal, this.signal]),
      ...(revoked === undefined ? {} : { revoked }),
      ...(sharedBy === undefined ? {} : { sharedBy }),
      ...(hops === undefined ? {} : { hops }),
    });
  }
}
