/** How long another node may take until its answer begins: one that takes calls and never answers must hold nobody. */
import { type Answer, waitingForPerson } from "../../src/kernel/call.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Progress } from "../../src/kernel/operation.ts";
import type { Clock, RoutedCall } from "../../src/kernel/ports.ts";

/** Beyond the operation's own deadline, which runs over there: for the way there and back, and a start of the module. */
const slackMs = 30_000;
/** Of items and bytes, whose answer begins before they are all there. */
const beginMsMax = 30_000;
/** The node says that it asks a person. No approval waits for longer. */
const personMsMax = 24 * 60 * 60_000;

interface Limited {
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
}

type Sent = Pick<RoutedCall, "call" | "operation"> & { readonly name: string };

/**
 * @param name of the node, for messages
 * @throws OperoneError `deadline` for a read, `outcome_unknown` for anything else, when no answer began in time
 */
export async function boundedAnswer(
  clock: Clock,
  sent: Sent,
  send: (limited: Limited) => Promise<Answer>,
): Promise<Answer> {
  const { call, operation } = sent;
  const boundMs = boundMsOf(sent);
  const late = new AbortController();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  late.signal.addEventListener("abort", () => aborted.reject(late.signal.reason), { once: true });
  let stop = () => {};
  const arm = (ms: number) => {
    stop();
    stop = clock.after(ms, () => late.abort(noAnswer(sent, ms)));
  };
  if (boundMs !== undefined) arm(boundMs);
  const follow = () => late.abort(call.signal.reason);
  if (call.signal.aborted) follow();
  // It stays after the answer began: items and bytes end with it.
  else call.signal.addEventListener("abort", follow, { once: true });
  let asked = false;
  const onProgress = (progress: Progress) => {
    if (progress.note === waitingForPerson && boundMs !== undefined && !asked) {
      asked = true;
      arm(personMsMax + boundMs);
    }
    call.onProgress?.(progress);
  };
  try {
    const answer = await Promise.race([send({ signal: late.signal, onProgress }), aborted.promise]);
    if (operation.gives === "value") call.signal.removeEventListener("abort", follow);
    return answer;
  } finally {
    stop();
  }
}

/** Undefined: the operation itself says that it has no deadline. */
function boundMsOf({ operation: { gives, deadlineMs } }: Sent): number | undefined {
  if (gives !== "value") return beginMsMax + deadlineMs;
  return deadlineMs === 0 ? undefined : deadlineMs + slackMs;
}

function noAnswer({ operation: { id, effect }, name }: Sent, ms: number): OperoneError {
  const silent = `The node ${name} took the call of "${id}" and did not answer within ${ms / 1_000} s`;
  return effect === "read"
    ? new OperoneError("deadline", `${silent}; "operone ping ${name}" shows whether it is there`)
    : new OperoneError("outcome_unknown", `${silent}; look there before you repeat it`);
}
