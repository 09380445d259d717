import * as v from "valibot";
import { operationsOf } from "../../src/kernel/operation.ts";
import type { Listeners } from "./contract.ts";

const op = operationsOf<Listeners>("http");

const listeners = op({
  name: "listeners",
  summary: "Where this node listens",
  description: "On the Unix socket a caller is the owner; everywhere else it needs a token.",
  effect: "read",
  needs: ["node.observe"],
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({}),
  output: v.strictObject({
    listeners: v.array(
      v.variant("kind", [
        v.strictObject({ kind: v.literal("unix"), path: v.string() }),
        v.strictObject({ kind: v.literal("tcp"), url: v.string() }),
      ]),
    ),
    warnings: v.array(v.string()),
  }),
  cli: {
    render: ({ listeners: bound, warnings }) => ({
      stdout: bound.map((one) => `${one.kind === "unix" ? one.path : one.url}\n`).join(""),
      stderr: warnings.map((warning) => `warning: ${warning}\n`).join(""),
    }),
  },
  examples: [{ input: {} }],
  run: (state) => ({ listeners: [...state.bound()], warnings: [...state.warnings()] }),
});

export const operations = [listeners];
