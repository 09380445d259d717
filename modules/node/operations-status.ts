/** What the node is and how it is. */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import type { ModuleStatus } from "../../src/kernel/module.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import { renderModules, renderStatus } from "./render.ts";
import { ModuleOut } from "./shapes.ts";
import type { NodeState } from "./state.ts";

const op = operationsOf<NodeState>("node");
const nothing = v.strictObject({});

const status = op({
  name: "status",
  summary: "Show what this node is and how it is doing",
  effect: "read",
  needs: ["node.observe"],
  surfaces: ["http", "cli", "mesh", "mcp"],
  input: nothing,
  output: v.strictObject({
    name: v.string(),
    version: v.string(),
    /** `ready` when every module is; else the worst state of a module. */
    state: v.picklist(["ready", "starting", "degraded", "failed"]),
    pid: v.number(),
    uptimeMs: v.number(),
    os: v.string(),
    cpu: v.string(),
    dataDirectory: v.string(),
    /** Where it listens: a path for the Unix socket, a URL for TCP. */
    addresses: v.array(v.string()),
    memoryBytes: v.number(),
    callsInFlight: v.number(),
    modules: v.record(v.string(), v.string()),
  }),
  cli: { alias: ["status"], render: renderStatus },
  examples: [{ input: {}, output: { state: "ready" } }],
  run: ({ names, host, clock, kernel, listeners }) => ({
    name: names.name(),
    version: host.version,
    state: worstState(kernel.modules()),
    pid: host.pid,
    uptimeMs: Math.max(0, Math.round(clock.nowMs() - host.startedAtMs)),
    os: host.os,
    cpu: host.cpu,
    dataDirectory: host.dataDirectory,
    addresses: listeners.bound().map((bound) => (bound.kind === "unix" ? bound.path : bound.url)),
    memoryBytes: process.memoryUsage.rss(),
    callsInFlight: kernel.callsInFlight(),
    modules: Object.fromEntries(kernel.modules().map(({ id, state }) => [id, state])),
  }),
});

const health = op({
  name: "health",
  audited: false,
  summary: "Answer as long as the node lives",
  effect: "read",
  needs: [],
  surfaces: ["http", "cli", "mesh"],
  input: nothing,
  output: v.strictObject({ live: v.literal(true) }),
  examples: [{ input: {}, output: { live: true } }],
  run: () => ({ live: true }) as const,
});

const ready = op({
  name: "ready",
  audited: false,
  summary: "Say whether every module that the node needs is ready",
  effect: "read",
  needs: [],
  surfaces: ["http", "cli", "mesh"],
  input: nothing,
  output: v.strictObject({ ready: v.literal(true) }),
  errors: ["unavailable"],
  examples: [{ input: {}, output: { ready: true } }],
  run({ kernel }) {
    const waiting = kernel.modules().filter(({ required, state }) => required && !runs(state));
    if (waiting.length === 0) return { ready: true } as const;
    const names = waiting.map(({ id, state }) => `${id} is ${state}`).join(", ");
    throw new OperoneError("unavailable", `The node is not ready: ${names}; "operone modules" shows why`);
  },
});

const modules = op({
  name: "modules",
  summary: "List the modules with their states",
  effect: "read",
  needs: ["node.observe"],
  surfaces: ["http", "cli", "mesh", "mcp"],
  input: nothing,
  output: v.strictObject({ modules: v.array(ModuleOut) }),
  cli: { alias: ["modules"], render: renderModules },
  examples: [{ input: {} }],
  run: ({ kernel }) => ({
    modules: kernel.modules().map(({ requires, provides, ...module }) => ({
      ...module,
      requires: [...requires],
      provides: [...provides],
    })),
  }),
});

const version = op({
  name: "version",
  audited: false,
  summary: "Show the version of this node",
  effect: "read",
  needs: [],
  surfaces: ["http", "cli", "mesh", "mcp"],
  input: nothing,
  output: v.strictObject({ version: v.string(), os: v.string(), cpu: v.string(), runtime: v.string() }),
  examples: [{ input: {} }],
  run: ({ host }) => ({ version: host.version, os: host.os, cpu: host.cpu, runtime: `bun ${Bun.version}` }),
});

function runs(state: ModuleStatus["state"]): boolean {
  return state === "ready" || state === "degraded";
}

function worstState(all: readonly ModuleStatus[]): "ready" | "starting" | "degraded" | "failed" {
  const states = new Set(all.map(({ state }) => state));
  if (states.has("failed") || states.has("stopped")) return "failed";
  if (states.has("starting")) return "starting";
  return states.has("degraded") ? "degraded" : "ready";
}

export const statusOperations = [status, health, ready, modules, version];
