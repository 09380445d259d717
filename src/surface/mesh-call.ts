/** From a request of a peer to a call of the dispatcher. */
import type { Caller, GrantSet } from "../kernel/authority.ts";
import type { Call } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import type { Awaitable, Progress } from "../kernel/operation.ts";
import type { KernelView } from "../kernel/view.ts";
import type { MeshChannel } from "./mesh-channel.ts";
import type { Request } from "./mesh-messages.ts";
import type { SeenCalls } from "./mesh-seen.ts";

/** Who a peer's call is from, as this node judges it. */
export interface MeshIdentity {
  readonly caller: Caller;
  readonly sets: readonly GrantSet[];
  /** Whose share of the calls in flight it uses. */
  readonly sharedBy?: string;
  /** Nodes that the call has come over, with the peer. */
  readonly hops?: number;
  /** Aborted when the peer or its caller loses its rights. */
  readonly signal?: AbortSignal;
}

export interface MeshServerOptions {
  readonly view: Pick<KernelView, "call" | "table">;
  /** The claims of one request, judged. @throws OperoneError to refuse the call */
  identityOf(claims: unknown): Awaitable<MeshIdentity>;
  /** From the first frame of a request to its last one. Absent: 10 s. */
  readonly requestMsMax?: number;
  /** For the memory of call ids; milliseconds that never go back. */
  monotonicMs(): number;
}

export type OpenCall = (
  request: Request,
  channel: MeshChannel,
  onProgress: (progress: Progress) => void,
) => Promise<OpenedCall>;

export interface OpenedCall {
  readonly call: Call;
  /** Ends the call with this reason. */
  abort(reason: OperoneError): void;
  /** After the answer: its deadline is over. */
  done(): void;
}

/** @throws OperoneError of `identityOf`, or `conflict` for a call id that was used before */
export async function callOf(
  options: MeshServerOptions,
  seen: SeenCalls,
  request: Request,
  broken: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<OpenedCall> {
  const { operation, input, callId, deadlineMs, idempotencyKey, claims } = request;
  const { caller, sets, sharedBy, hops, signal } = await options.identityOf(claims);
  if (callId !== undefined) seen.add(`${caller.kind} ${caller.id} ${callId}`, callId);
  const controller = new AbortController();
  const abort = (reason: OperoneError) => controller.abort(reason);
  const timer = deadlineMs === undefined ? undefined : setTimeout(() => abort(tooLate(request)), deadlineMs);
  // Both outlive the call by far, and an AbortSignal.any of them would cost more than a short call.
  const forgetBroken = follow(broken, controller);
  const forgetIdentity = signal === undefined ? undefined : follow(signal, controller);
  return {
    abort,
    done() {
      clearTimeout(timer);
      forgetBroken();
      forgetIdentity?.();
    },
    call: {
      surface: "mesh",
      operation,
      input,
      caller,
      sets,
      signal: controller.signal,
      ...(sharedBy === undefined ? {} : { sharedBy }),
      ...(hops === undefined ? {} : { hops }),
      ...(signal === undefined ? {} : { revoked: signal }),
      ...(callId === undefined ? {} : { callId }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(request.progress ? { onProgress } : {}),
    },
  };
}

/** Aborts the controller with the signal. Gives what ends that. */
function follow(signal: AbortSignal, controller: AbortController): () => void {
  const onAbort = () => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}

function tooLate({ operation, deadlineMs }: Request): OperoneError {
  return new OperoneError("deadline", `"${operation}" was not done within ${deadlineMs} ms and was given up`);
}
