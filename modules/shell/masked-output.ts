/** The output of a command that was given secrets, without these. */
import type { Child, Clock } from "../../src/kernel/ports.ts";
import { SecretMask } from "./secret-mask.ts";

/**
 * At a terminal what may be the beginning of a secret is shown after this time without more: it is most likely a prompt, or
 * the echo of a key.
 */
const terminalHoldMs = 100;

/** @param values by the names of the secrets; none: the child as it is */
export function maskedChild(child: Child, values: Readonly<Record<string, string>>, clock: Clock): Child {
  const mask = new SecretMask(values);
  if (mask.isEmpty) return child;
  const { terminal, report } = child;
  const timer = terminal === undefined ? undefined : clock;
  return {
    pid: child.pid,
    stdout: masked(child.stdout, mask, timer),
    stderr: masked(child.stderr, mask, timer),
    exited: child.exited,
    ...(terminal === undefined ? {} : { terminal }),
    ...(report === undefined ? {} : { report }),
    writeStdin: (bytes) => child.writeStdin(bytes),
    closeStdin: () => child.closeStdin(),
    kill: (signal) => child.kill(signal),
  };
}

function masked(
  source: AsyncIterable<Uint8Array>,
  mask: SecretMask,
  clock: Clock | undefined,
): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => new MaskedOutput(source[Symbol.asyncIterator](), mask, clock) };
}

const nothing = new Uint8Array();
const end = { done: true, value: undefined } as const;

/** No generator: `return` must reach the pipe even while `next` waits. */
class MaskedOutput implements AsyncIterator<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #mask: SecretMask;
  readonly #clock: Clock | undefined;
  #held: Uint8Array = nothing;
  #pending: Promise<IteratorResult<Uint8Array>> | undefined;
  #ended = false;

  constructor(source: AsyncIterator<Uint8Array>, mask: SecretMask, clock: Clock | undefined) {
    this.#source = source;
    this.#mask = mask;
    this.#clock = clock;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    while (!this.#ended) {
      this.#pending ??= this.#source.next();
      const step = await this.#stepOrSilence(this.#pending);
      if (step !== undefined) this.#pending = undefined;
      this.#ended = step?.done === true;
      const more = step === undefined || step.done === true ? nothing : step.value;
      const { out, held } = this.#mask.apply(
        Buffer.concat([this.#held, more]),
        step === undefined || this.#ended,
      );
      this.#held = held;
      if (out.length > 0) return { done: false, value: out };
    }
    return end;
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#ended = true;
    await this.#source.return?.();
    return end;
  }

  /** Undefined: nothing more has come for a while. */
  async #stepOrSilence(
    step: Promise<IteratorResult<Uint8Array>>,
  ): Promise<IteratorResult<Uint8Array> | undefined> {
    if (this.#clock === undefined || this.#held.length === 0) return await step;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const cancel = this.#clock.after(terminalHoldMs, () => resolve(undefined));
    try {
      return await Promise.race([step, promise]);
    } finally {
      cancel();
    }
  }
}
