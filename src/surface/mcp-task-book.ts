/**
 * Calls that go on after their request was answered (SEP-2663). They belong to one agent, which finds them again from
 * any of its connections while the node runs; they end with its credential. Bounded; who does not collect a result in
 * time finds none.
 */
import type { InputRequest } from "@modelcontextprotocol/server";
import { OperoneError } from "../kernel/error.ts";
import type { Timer } from "./http-limits.ts";

interface TaskLimits {
  /** Of one agent; a call beyond it is answered when it is done, as if there were no tasks. */
  readonly tasksPerAgentMax: number;
  readonly tasksMax: number;
  /** After its end. */
  readonly keepMs: number;
  /** How often a client should ask. */
  readonly pollMs: number;
}

const taskLimits: TaskLimits = {
  tasksPerAgentMax: 32,
  tasksMax: 512,
  keepMs: 600_000,
  pollMs: 1_000,
};

interface TaskBookOptions {
  readonly timer: Timer;
  nowMs(): number;
  newId(): string;
  readonly limits?: Partial<TaskLimits>;
}

/** What a task waits for. */
interface Wanted {
  readonly request: InputRequest;
  /** False: it does not fit, and is still waited for. */
  offer(response: unknown): boolean;
}

type TaskEnd =
  | { readonly status: "completed"; readonly result: object }
  | { readonly status: "failed"; readonly error: { readonly code: number; readonly message: string } }
  | { readonly status: "cancelled" };

export class TaskBook {
  readonly #use: TaskBookOptions;
  readonly #limits: TaskLimits;
  readonly #byId = new Map<string, Task>();

  constructor(use: TaskBookOptions) {
    this.#use = use;
    this.#limits = { ...taskLimits, ...use.limits };
  }

  /** Undefined: there is no room. @param revoked aborted when the agent's credential ends */
  add(owner: string, stop: AbortController, revoked: AbortSignal): Task | undefined {
    const own = [...this.#byId.values()].filter((task) => task.owner === owner).length;
    if (own >= this.#limits.tasksPerAgentMax || this.#byId.size >= this.#limits.tasksMax) return undefined;
    const forget = () => {
      revoked.removeEventListener("abort", end);
      this.#byId.delete(task.id);
    };
    const task = new Task(owner, stop, this.#use, this.#limits, () => {
      this.#use.timer.after(this.#limits.keepMs, forget);
    });
    // What a credential has begun ends with it, and what it has brought is nothing for whoever has the name next.
    const end = () => {
      task.cancel();
      forget();
    };
    this.#byId.set(task.id, task);
    if (revoked.aborted) end();
    else revoked.addEventListener("abort", end, { once: true });
    return task;
  }

  /** The same for one that there is not and for one of somebody else: none. */
  find(owner: string, id: string): Task | undefined {
    const task = this.#byId.get(id);
    return task?.owner === owner ? task : undefined;
  }

  /** Ends everything that still runs. */
  close(): void {
    for (const task of this.#byId.values()) task.cancel();
    this.#byId.clear();
  }
}

export class Task {
  readonly id: string;
  readonly owner: string;
  readonly #stop: AbortController;
  readonly #use: Pick<TaskBookOptions, "nowMs">;
  readonly #limits: TaskLimits;
  readonly #ended: () => void;
  readonly #wanted = new Map<string, Wanted>();
  readonly #createdMs: number;
  #updatedMs: number;
  #end: TaskEnd | undefined;
  #message: string | undefined;

  constructor(
    owner: string,
    stop: AbortController,
    use: Pick<TaskBookOptions, "nowMs" | "newId">,
    limits: TaskLimits,
    ended: () => void,
  ) {
    this.id = use.newId();
    this.owner = owner;
    this.#stop = stop;
    this.#use = use;
    this.#limits = limits;
    this.#ended = ended;
    this.#createdMs = use.nowMs();
    this.#updatedMs = this.#createdMs;
  }

  /** The first end counts. */
  end(end: TaskEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#touch();
    this.#wanted.clear();
    this.#ended();
  }

  /** Stops the work. Of one that has ended: nothing. */
  cancel(): void {
    if (this.#end !== undefined) return;
    this.end({ status: "cancelled" });
    this.#stop.abort(new OperoneError("cancelled", "The task was cancelled"));
  }

  say(message: string): void {
    this.#message = message;
  }

  /** @param accept what becomes of a response; undefined: it does not fit */
  want<T>(key: string, request: InputRequest, accept: (response: unknown) => T | undefined): Promise<T> {
    const given = Promise.withResolvers<T>();
    this.#wanted.set(key, {
      request,
      offer(response) {
        const value = accept(response);
        if (value !== undefined) given.resolve(value);
        return value !== undefined;
      },
    });
    this.#touch();
    return given.promise;
  }

  /** Responses by key; those that nothing waits for, or that do not fit, change nothing. */
  offer(responses: Readonly<Record<string, unknown>>): void {
    for (const [key, response] of Object.entries(responses))
      if (this.#wanted.get(key)?.offer(response) === true) this.#wanted.delete(key);
    this.#touch();
  }

  /** As the protocol writes it, without how it ended. */
  head() {
    const status = this.#end?.status ?? (this.#wanted.size > 0 ? "input_required" : "working");
    const endMs = this.#end === undefined ? this.#use.nowMs() : this.#updatedMs;
    return {
      taskId: this.id,
      status,
      ...(this.#message === undefined ? {} : { statusMessage: this.#message }),
      createdAt: new Date(this.#createdMs).toISOString(),
      lastUpdatedAt: new Date(this.#updatedMs).toISOString(),
      // From its creation: it grows while the work goes on.
      ttlMs: Math.max(endMs - this.#createdMs, 0) + this.#limits.keepMs,
      pollIntervalMs: this.#limits.pollMs,
    };
  }

  detail() {
    const { status: _, ...end } = this.#end ?? { status: "working" };
    const requests = [...this.#wanted].map(([key, { request }]) => [key, request]);
    return {
      ...this.head(),
      ...end,
      ...(requests.length === 0 ? {} : { inputRequests: Object.fromEntries(requests) }),
    };
  }

  #touch(): void {
    this.#updatedMs = this.#use.nowMs();
  }
}
