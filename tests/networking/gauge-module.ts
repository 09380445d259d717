/** A module that counts what ran, and whose operations wait until the test lets them go on. */
import * as v from "valibot";
import type { Permission } from "../../src/kernel/authority.ts";
import { defineModule, type Module } from "../../src/kernel/module.ts";
import { operationsOf } from "../../src/kernel/operation.ts";

export interface Gauge {
  readonly module: Module;
  /** Inputs that a write really ran with. */
  readonly ran: string[];
  /** Calls of `hold` and `drip` that run now. */
  running(): number;
  /** Items that `drip` has given since the start. */
  dripped(): number;
  /** Lets every waiting `hold` end. */
  release(): void;
}

const op = operationsOf<State>("gauge");
const base = { needs: ["gauge.use"], surfaces: ["http", "cli", "mesh"] } as const;
const input = v.strictObject({ text: v.optional(v.string(), "x") });

interface State {
  readonly ran: string[];
  running: number;
  dripped: number;
  gate: PromiseWithResolvers<void>;
}

const count = op({
  ...base,
  name: "count",
  summary: "Count a write",
  effect: "write",
  input,
  output: v.number(),
  run: ({ ran }, { text }) => ran.push(text),
});

const hold = op({
  ...base,
  name: "hold",
  summary: "Write, then wait to be let go",
  effect: "write",
  deadlineMs: 0,
  input,
  output: v.string(),
  run: async (state, { text }, { signal }) => {
    state.ran.push(text);
    state.running++;
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([state.gate.promise, aborted.promise]);
      return text;
    } finally {
      state.running--;
      signal.removeEventListener("abort", onAbort);
    }
  },
});

const drip = op({
  ...base,
  name: "drip",
  summary: "Give big items for as long as somebody reads",
  effect: "write",
  gives: "items",
  deadlineMs: 0,
  input,
  output: v.string(),
  run: async function* (state, { text }, { signal }) {
    state.ran.push(text);
    state.running++;
    try {
      for (let n = 0; !signal.aborted; n++) {
        state.dripped++;
        yield text === "big" ? "y".repeat(60_000) : `${text} ${n}`;
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      state.running--;
    }
  },
});

const wipe = op({
  ...base,
  name: "wipe",
  summary: "Destroy something",
  effect: "destroy",
  input,
  output: v.string(),
  scope: ({ text }) => [{ permission: "gauge.wipe", request: { text } }],
  preview: ({ text }) => ({ wipes: text }),
  run: ({ ran }, { text }) => {
    ran.push(text);
    return text;
  },
});

const permissions: Readonly<Record<string, Permission>> = {
  "gauge.use": { summary: "Use the gauge" },
  "gauge.wipe": {
    summary: "Wipe",
    scope: v.strictObject({ prefix: v.string() }),
    covers: (scope, request) =>
      (request as { text: string }).text.startsWith((scope as { prefix: string }).prefix),
  },
};

export function gaugeModule(): Gauge {
  const state: State = { ran: [], running: 0, dripped: 0, gate: Promise.withResolvers() };
  const module = defineModule({
    id: "gauge",
    summary: "Counts what ran",
    config: v.strictObject({}),
    permissions,
    requires: {},
    provides: {},
    operations: [count, hold, drip, wipe],
    start: () => ({ state, services: {} }),
  });
  return {
    module,
    ran: state.ran,
    running: () => state.running,
    dripped: () => state.dripped,
    release() {
      state.gate.resolve();
      state.gate = Promise.withResolvers();
    },
  };
}
