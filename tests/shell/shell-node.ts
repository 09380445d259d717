/** A node with shell alone: the real kernel and real processes; access is stood in for. */
import * as v from "valibot";
import { type Secrets, Secrets as SecretsKey } from "../../modules/access/contract.ts";
import { shell } from "../../modules/shell/module.ts";
import type { CommandExit, CommandItem } from "../../modules/shell/shapes.ts";
import type { Caller, GrantSet } from "../../src/kernel/authority.ts";
import { partsOfText } from "../../src/kernel/byte-text.ts";
import type { Call } from "../../src/kernel/call.ts";
import { checkList } from "../../src/kernel/checks.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { boot, type Kernel } from "../../src/kernel/kernel.ts";
import { defineModule } from "../../src/kernel/module.ts";
import {
  Checks,
  Clock,
  Files,
  Host,
  type Journal,
  Journal as JournalKey,
  Log,
  Policy,
  Processes,
  Random,
} from "../../src/kernel/ports.ts";
import {
  simulatedHost,
  simulatedJournal,
  simulatedLog,
  simulatedPolicy,
  simulatedRandom,
} from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { diskFiles } from "../../src/platform/files.ts";
import { systemProcesses } from "../../src/platform/processes.ts";

export interface ShellNode {
  readonly kernel: Kernel;
  readonly journal: ReturnType<typeof simulatedJournal>;
  readonly log: ReturnType<typeof simulatedLog>;
  /** Previews that were put before a person. */
  readonly asked: unknown[];
  items(input: Readonly<Record<string, unknown>>, call?: Partial<Call>): Promise<AsyncIterator<CommandItem>>;
  run(input: Readonly<Record<string, unknown>>, call?: Partial<Call>): Promise<Outcome>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Outcome {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exit: CommandExit;
  readonly items: readonly CommandItem[];
}

export interface Outside {
  readonly processes: Processes;
  readonly host: Host;
}

export const owner: GrantSet = { holder: "owner", owner: true, grants: [] };
export const caller: Caller = { kind: "owner", id: "owner", name: "owner" };

export async function shellNode(
  config: Readonly<Record<string, unknown>> = {},
  secrets: Readonly<Record<string, Uint8Array>> = {},
  { processes = systemProcesses(), host = simulatedHost() }: Partial<Outside> = {},
): Promise<ShellNode> {
  const clock = systemClock();
  const log = simulatedLog();
  const journal = simulatedJournal();
  const asked: unknown[] = [];
  const policy = simulatedPolicy(async ({ preview }) => void asked.push(preview));
  const kernel = await boot({
    modules: [accessWith(secrets, journal), shell],
    config: { shell: config },
    clock,
    random: simulatedRandom(1),
    // What runs when the node stops is not waited for as long as in earnest.
    limits: { drainMs: 300 },
    log,
    provided: [
      [Checks, checkList()],
      [Clock, clock],
      [Files, diskFiles()],
      [Host, host],
      [Log, log],
      [Policy, policy],
      [Processes, processes],
      [Random, simulatedRandom(2)],
    ],
  });
  const items: ShellNode["items"] = async (input, call = {}) => {
    const answer = await kernel.view.call({
      surface: "http",
      operation: "shell.run",
      // The profile that every system has; the sandbox has tests of its own.
      input: { profile: "unconfined", ...input },
      caller,
      sets: [owner],
      signal: new AbortController().signal,
      ...call,
    });
    if (answer.gives !== "items") throw new Error(`shell gave ${answer.gives}`);
    return answer.items[Symbol.asyncIterator]() as AsyncIterator<CommandItem>;
  };
  return {
    kernel,
    journal,
    log,
    asked,
    items,
    run: async (input, call) => await outcomeOf(await items(input, call)),
    [Symbol.asyncDispose]: () => kernel.stop(),
  };
}

function accessWith(secrets: Readonly<Record<string, Uint8Array>>, journal: Journal) {
  const reveal: Secrets["reveal"] = async (name, authority) => {
    authority.check("access.secret.use", { name });
    const value = secrets[name];
    if (value === undefined) throw new OperoneError("not_found", `There is no secret "${name}"`);
    return value;
  };
  return defineModule({
    id: "access",
    summary: "Stands in for secrets and the audit",
    config: v.strictObject({}),
    permissions: {
      "access.secret.use": {
        summary: "Use secrets",
        scope: v.strictObject({ names: v.array(v.string()) }),
        covers: (scope, request) =>
          (scope as { names: string[] }).names.includes((request as { name: string }).name),
      },
    },
    requires: {},
    provides: { secrets: SecretsKey, journal: JournalKey },
    operations: [],
    start: () => ({ state: undefined, services: { secrets: { reveal }, journal } }),
  });
}

export async function outcomeOf(iterator: AsyncIterator<CommandItem>): Promise<Outcome> {
  const written = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const items: CommandItem[] = [];
  let exit: CommandExit | undefined;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    const item = next.value;
    items.push(item);
    if ("exit" in item) exit = item.exit;
    else if ("stream" in item) written[item.stream].push(bytesOf(item));
  }
  if (exit === undefined) throw new Error("the command gave no exit");
  return { stdout: Buffer.concat(written.stdout), stderr: Buffer.concat(written.stderr), exit, items };
}

function bytesOf(item: Extract<CommandItem, { readonly stream: unknown }>): Uint8Array {
  const parts = "text" in item ? partsOfText(item.text, "utf8") : partsOfText(item.base64, "base64");
  return Buffer.concat(parts);
}
