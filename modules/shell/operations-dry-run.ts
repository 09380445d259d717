/** The operations on dry runs whose command has ended. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { lines, moment, table } from "../../src/kernel/plain-text.ts";
import { Applied, DryRun, DryRunId, DryRunView } from "./dry-run-shapes.ts";
import { changeText, dryRunText } from "./dry-run-text.ts";
import { confined } from "./scope.ts";
import type { ShellState } from "./state.ts";

const op = operationsOf<ShellState>("shell");

/** Whose it is decides; what its command needed is asked again when it is applied. */
const own = { needs: [confined], surfaces: ["http", "cli", "mesh", "mcp"], scope: () => [] } as const;

const list = op({
  ...own,
  name: "dry-run-list",
  summary: "List dry runs that wait to be applied or discarded",
  description: "Those of the caller; the owner sees all.",
  effect: "read",
  input: v.strictObject({}),
  output: v.strictObject({ dryRuns: v.array(DryRun) }),
  cli: {
    render: ({ dryRuns }) =>
      table([
        ["ID", "CHANGES", "UNTIL", "WORKSPACE", "COMMAND"],
        ...dryRuns.map((run) => [
          run.id ?? "",
          `${run.changes}`,
          moment(run.expiresAtMs),
          run.workspace,
          run.argv.join(" ").slice(0, 100),
        ]),
      ]),
  },
  examples: [{ input: {} }],
  run: (shell, _, { caller }) => ({ dryRuns: [...shell.commands.dryRuns.list(caller)] }),
});

const show = op({
  ...own,
  name: "dry-run-show",
  summary: "Show what a dry run would change",
  effect: "read",
  input: DryRunId,
  output: DryRunView,
  errors: ["not_found"],
  cli: {
    positional: ["id"],
    render: ({ dryRun, changes }) => ({ stdout: changes.map(changeText).join("") + dryRunText(dryRun) }),
  },
  run: (shell, { id }, { caller }) => shell.commands.dryRuns.show(id, caller),
});

const apply = op({
  ...own,
  name: "dry-run-apply",
  summary: "Make the changes of a dry run in its workspace",
  description:
    "For the same caller or the owner, with the rights that the command itself needed. Refused with conflict and the paths, before anything is done, when the workspace has changed in what the changes touch. Each file is replaced as a whole. Pipes, sockets, devices and protected names are left out. A right that is to be asked for is none here: let the owner apply it.",
  effect: "destroy",
  input: DryRunId,
  output: Applied,
  errors: ["not_found", "conflict", "limited"],
  deadlineMs: 600_000,
  cli: {
    positional: ["id"],
    alias: ["apply"],
    render: ({ applied, already, leftOut }) =>
      lines(
        `${applied} applied${already === 0 ? "" : `, ${already} were there already`}`,
        ...leftOut.map(({ path, note }) =>
          changeText({ status: "left_out", kind: "other", path, note }).trimEnd(),
        ),
      ),
  },
  run: (shell, { id }, context) => shell.commands.dryRuns.apply(id, context),
});

const discard = op({
  ...own,
  name: "dry-run-discard",
  summary: "Forget a dry run",
  effect: "write",
  input: DryRunId,
  output: v.strictObject({ id: v.string() }),
  errors: ["not_found", "conflict"],
  cli: { positional: ["id"], alias: ["discard"], render: ({ id }) => lines(`${id} discarded`) },
  run: async (shell, { id }, { caller }) => {
    await shell.commands.dryRuns.discard(id, caller);
    return { id };
  },
});

export const dryRunOperations: readonly Operation<ShellState>[] = [list, show, apply, discard];
