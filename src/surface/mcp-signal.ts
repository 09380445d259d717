import type { ServerContext } from "@modelcontextprotocol/server";

/**
 * One signal of several, given back when it is not needed any more. AbortSignal.any would hang on to those that live as
 * long as a connection or a credential, once for each call.
 */
export function joined(signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal;
  release(): void;
} {
  const controller = new AbortController();
  const ended = signals.find(({ aborted }) => aborted);
  if (ended !== undefined) {
    controller.abort(ended.reason);
    return { signal: controller.signal, release: () => {} };
  }
  const follow = (event: Event) => {
    controller.abort(event.target instanceof AbortSignal ? event.target.reason : undefined);
  };
  for (const signal of signals) signal.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    release() {
      for (const signal of signals) signal.removeEventListener("abort", follow);
    },
  };
}

/** Of one request: that it was cancelled, and that whoever asked is gone. */
export function signalsOf({ mcpReq, http }: ServerContext): readonly AbortSignal[] {
  const request = http?.req?.signal;
  return [mcpReq.signal, ...(request === undefined ? [] : [request])];
}
