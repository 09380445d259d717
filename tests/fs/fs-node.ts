/** A node with fs alone: the real kernel, the real disk, in a folder of its own. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { Secrets } from "../../modules/access/contract.ts";
import { fs } from "../../modules/fs/module.ts";
import { Children } from "../../modules/shell/children.ts";
import { ContainedChildren } from "../../modules/shell/contract.ts";
import { Sandbox } from "../../modules/shell/sandbox.ts";
import type { Caller, Grant, GrantSet } from "../../src/kernel/authority.ts";
import type { Call } from "../../src/kernel/call.ts";
import { boot, type Kernel } from "../../src/kernel/kernel.ts";
import { defineModule } from "../../src/kernel/module.ts";
import { Clock, Host, Journal, type Log, Policy, Random } from "../../src/kernel/ports.ts";
import {
  simulatedHost,
  simulatedJournal,
  simulatedLog,
  simulatedPolicy,
  simulatedRandom,
} from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { systemRandom } from "../../src/platform/random.ts";

export interface FsNode extends AsyncDisposable {
  readonly kernel: Kernel;
  readonly log: ReturnType<typeof simulatedLog>;
  readonly journal: ReturnType<typeof simulatedJournal>;
  /** Previews that were put before a person, who says yes to each. */
  readonly asked: unknown[];
  /** A real path, with `data` (the node's own) and `work` in it. */
  readonly folder: string;
  readonly work: string;
  value<T = Record<string, unknown>>(operation: string, input: object, call?: Partial<Call>): Promise<T>;
  items<T = Record<string, unknown>>(operation: string, input: object, call?: Partial<Call>): Promise<T[]>;
  bytes(operation: string, input: object, call?: Partial<Call>): Promise<Buffer>;
  /** Stopped, and another one over the same folder, which goes with that one. */
  restarted(): Promise<FsNode>;
}

const owner: GrantSet = { holder: "owner", owner: true, grants: [] };
const caller: Caller = { kind: "owner", id: "owner", name: "owner" };

/** A caller who has these rights and no others. */
export function granted(...grants: readonly Grant[]): Partial<Call> {
  return {
    caller: { kind: "token", id: "1", name: "ci" },
    sets: [{ holder: "token ci", owner: false, grants }],
  };
}

export function allowing(permission: string, ...paths: readonly string[]): Grant {
  return { permission, scope: { paths }, decision: "allow" };
}

/** What fs needs of access: the owner's right, and secrets. */
const access = defineModule({
  id: "access",
  summary: "The owner",
  config: v.strictObject({}),
  permissions: { "access.admin": { summary: "The owner's", ownerOnly: true } },
  requires: {},
  provides: { secrets: Secrets },
  operations: [],
  start: () => ({
    state: {},
    services: { secrets: { reveal: async (name: string) => new TextEncoder().encode(`secret-of-${name}`) } },
  }),
});
/** As shell has them. */
function testChildren(dataDirectory: string, clock: Clock, log: Log): Children {
  const processes = systemProcesses();
  const limits = {
    ...{ cpuSecondsMax: 600, memoryBytesMax: 2 ** 32, processesMax: 256, openFilesMax: 256 },
    ...{ fileBytesMax: 2 ** 20, diskBytesMax: 2 ** 20, scratchBytesMax: 2 ** 20 },
  };
  const sandbox = new Sandbox({ processes, dataDirectory, home: "/home/nobody" }, limits);
  return new Children({ clock, log, processes, sandbox: async () => sandbox }, 4);
}

export async function fsNode(config: Readonly<Record<string, unknown>> = {}): Promise<FsNode> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-fs-")));
  for (const name of ["data", "work"]) mkdirSync(join(folder, name));
  return await nodeIn(folder, config);
}

async function nodeIn(folder: string, config: Readonly<Record<string, unknown>>): Promise<FsNode> {
  const [data, work] = [join(folder, "data"), join(folder, "work")];
  const log = simulatedLog();
  const journal = simulatedJournal();
  const asked: unknown[] = [];
  const clock = systemClock();
  const children = testChildren(data, clock, log);
  const kernel = await boot({
    modules: [access, fs],
    config: { fs: config },
    clock,
    random: simulatedRandom(1),
    log,
    provided: [
      [ContainedChildren, children],
      [Clock, clock],
      [Host, simulatedHost({ dataDirectory: data })],
      [Journal, journal],
      [Policy, simulatedPolicy(async ({ preview }) => void asked.push(preview))],
      [Random, systemRandom()],
    ],
  });
  const call = (operation: string, input: object, more: Partial<Call> = {}) =>
    kernel.view.call({
      surface: "http",
      operation: `fs.${operation}`,
      input,
      caller,
      sets: [owner],
      signal: new AbortController().signal,
      ...more,
    });
  return {
    ...{ kernel, log, journal, asked, folder, work },
    async value<T>(operation: string, input: object, more?: Partial<Call>) {
      const answer = await call(operation, input, more);
      if (answer.gives !== "value") throw new Error(`${operation} gave ${answer.gives}`);
      return answer.value as T;
    },
    async items<T>(operation: string, input: object, more?: Partial<Call>) {
      const answer = await call(operation, input, more);
      if (answer.gives !== "items") throw new Error(`${operation} gave ${answer.gives}`);
      return (await Array.fromAsync(answer.items)) as T[];
    },
    async bytes(operation, input, more) {
      const answer = await call(operation, input, more);
      if (answer.gives !== "bytes") throw new Error(`${operation} gave ${answer.gives}`);
      return Buffer.concat(await Array.fromAsync(answer.bytes.open()));
    },
    async restarted() {
      await kernel.stop();
      return await nodeIn(folder, config);
    },
    async [Symbol.asyncDispose]() {
      await kernel.stop();
      await children.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
