/** One module while it runs: what it opened, its tasks, its state. */
import type { Runnable } from "./dispatch.ts";
import { type ErrorCode, OperoneError } from "./error.ts";
import type { BootOptions, KernelLimits } from "./kernel.ts";
import { withLimit } from "./limit.ts";
import type { Module, ModuleState, Scope } from "./module.ts";
import type { Awaitable } from "./operation.ts";
import { type SupervisorLimits, supervise } from "./supervisor.ts";

/** Who hears of it. */
export interface RunTold {
  /** Its state is another one. */
  changed(): void;
  failed(reason: string): void;
}

export class ModuleRun implements Runnable {
  reason: string | undefined;
  /** Of the failure, where it was an expected one: a wrong setting stays told apart from a passing trouble. */
  failureCode: ErrorCode = "unavailable";
  state: unknown;
  ready: Promise<void> = Promise.resolve();
  readonly #module: Module;
  readonly #ports: BootOptions;
  readonly #limits: KernelLimits;
  readonly #supervisor: SupervisorLimits;
  readonly #told: RunTold;
  #status: ModuleState = "starting";
  readonly #abort = new AbortController();
  readonly #closers: (() => Awaitable<void>)[] = [];
  readonly #failing = new Set<string>();

  constructor(
    module: Module,
    ports: BootOptions,
    limits: KernelLimits,
    supervisor: SupervisorLimits,
    told: RunTold,
  ) {
    this.#module = module;
    this.#ports = ports;
    this.#limits = limits;
    this.#supervisor = supervisor;
    this.#told = told;
  }

  get status(): ModuleState {
    return this.#status;
  }

  set status(status: ModuleState) {
    if (status === this.#status) return;
    this.#status = status;
    this.#told.changed();
  }

  /** Never throws: a failure is the module's state. What it had opened is closed again. */
  async start(config: unknown, services: Map<string, unknown>): Promise<void> {
    const use = Object.fromEntries(
      Object.entries(this.#module.requires).map(([name, key]) => [name, services.get(key.id)]),
    );
    try {
      const starting = Promise.resolve(this.#module.start({ config, use, scope: this.#scope() }));
      // A start that hangs is given up; if it ends later after all, what it opens then is closed by `defer` at once.
      if (!(await withLimit(starting, this.#limits.startMs, this.#ports.clock))) {
        throw new OperoneError("deadline", `start() did not return within ${this.#limits.startMs} ms`);
      }
      const { state, services: made, ready } = await starting;
      this.state = state;
      for (const [name, key] of Object.entries(this.#module.provides)) services.set(key.id, made[name]);
      if (ready === undefined) this.#becomeReady();
      else this.ready = this.#awaitReady(ready);
    } catch (error) {
      this.fail(messageOf(error), error);
      await this.#close();
    }
  }

  fail(reason: string, cause?: unknown): void {
    if (this.status === "stopped") return;
    this.status = "failed";
    this.reason = reason;
    if (cause instanceof OperoneError) this.failureCode = cause.code;
    const stack = cause instanceof Error && !(cause instanceof OperoneError) ? { stack: cause.stack } : {};
    this.#ports.log.error("Module failed", { module: this.#module.id, reason, ...stack });
    this.#told.failed(reason);
  }

  async stop(): Promise<void> {
    if (this.status === "stopped") return;
    if (this.status !== "failed") this.status = "stopped";
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#abort.abort(new OperoneError("unavailable", "The node is stopping"));
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      await this.#closeOne(close);
    }
  }

  /** A closer that throws or hangs must not keep the others from closing. */
  async #closeOne(close: () => Awaitable<void>): Promise<void> {
    const closing = (async () => close())();
    closing.catch((error) => this.#warn("A module's resource did not close cleanly", error));
    if (await withLimit(closing, this.#limits.closeMs, this.#ports.clock)) return;
    this.#warn("A module's resource did not close in time", `${this.#limits.closeMs} ms`);
  }

  #scope(): Scope {
    return {
      signal: this.#abort.signal,
      defer: (close) => {
        if (this.#abort.signal.aborted) void this.#closeOne(close);
        else this.#closers.push(close);
      },
      task: (name, run) => this.#task(name, run),
    };
  }

  #task(name: string, run: (signal: AbortSignal) => Promise<void>): void {
    const ended = supervise(
      `${this.#module.id}.${name}`,
      run,
      this.#abort.signal,
      this.#ports,
      {
        failed: (error, givenUp) => {
          this.#failing.add(name);
          this.reason = `its task "${name}" is being restarted: ${messageOf(error)}`;
          if (givenUp) this.fail(`its task "${name}" failed too often: ${messageOf(error)}`, error);
          else if (this.status === "ready") this.status = "degraded";
        },
        recovered: () => {
          this.#failing.delete(name);
          if (this.#failing.size === 0 && this.status === "degraded") this.#becomeReady();
        },
      },
      this.#supervisor,
    );
    this.#closers.push(async () => void (await ended));
  }

  async #awaitReady(ready: Promise<void>): Promise<void> {
    try {
      await ready;
      if (this.status === "starting") this.#becomeReady();
    } catch (error) {
      if (!this.#abort.signal.aborted) this.fail(messageOf(error), error);
    }
  }

  /** Degraded instead when a task is failing already. */
  #becomeReady(): void {
    this.status = this.#failing.size > 0 ? "degraded" : "ready";
    if (this.status === "ready") this.reason = undefined;
  }

  #warn(message: string, error: unknown): void {
    this.#ports.log.warn(message, { module: this.#module.id, error: String(error) });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
