/** A node with files, HTTP and MCP in a folder of its own, real sockets and real tokens. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { access } from "../../modules/access/module.ts";
import { fs } from "../../modules/fs/module.ts";
import { Listeners } from "../../modules/http/contract.ts";
import { http } from "../../modules/http/module.ts";
import { mcp } from "../../modules/mcp/module.ts";
import { node as nodeModule } from "../../modules/node/module.ts";
import { shell } from "../../modules/shell/module.ts";
import { checkList } from "../../src/kernel/checks.ts";
import { boot, type Kernel } from "../../src/kernel/kernel.ts";
import type { Module } from "../../src/kernel/module.ts";
import {
  Backups,
  Checks,
  Clock,
  Files,
  Host,
  Log,
  LogBook,
  NodeNames,
  Processes,
  Random,
} from "../../src/kernel/ports.ts";
import { type SimulatedLog, simulatedHost, simulatedLog } from "../../src/kernel/simulated.ts";
import { dataBackups } from "../../src/platform/backup.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { diskFiles } from "../../src/platform/files.ts";
import { openLog } from "../../src/platform/log.ts";
import { nodeNames } from "../../src/platform/node-names.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { type Probed, probeModule } from "./probe-module.ts";

export interface McpNode extends AsyncDisposable {
  readonly kernel: Kernel;
  readonly log: SimulatedLog;
  readonly probed: Probed;
  readonly socket: string;
  /** `http://127.0.0.1:PORT/mcp`. */
  readonly url: string;
  /** A real folder, in which the agents of these tests may do everything. */
  readonly work: string;
  /** Makes an agent that may do everything that an agent can, or what these grants say. Gives its token. */
  agent(name: string, grants?: readonly Readonly<Record<string, unknown>>[]): Promise<string>;
  /** As the owner. */
  owner(operation: string, input?: object): Promise<unknown>;
}

const all = [{ permission: "*", scope: "*", decision: "allow" }];

/** @param more modules beside those that every such node has */
export async function mcpNode(
  config: Readonly<Record<string, unknown>> = {},
  more: readonly Module[] = [],
): Promise<McpNode> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "op-")));
  const [data, work] = [join(folder, "d"), join(folder, "w")];
  mkdirSync(data, { mode: 0o700 });
  mkdirSync(work);
  const clock = systemClock();
  const random = systemRandom();
  const log = simulatedLog();
  const files = diskFiles();
  const probed: Probed = { started: 0, ended: 0, bytes: 0, reached: [], gates: [], feed: () => {} };
  const names = await nodeNames({ files, path: join(data, "name"), configured: "here", hostName: "here" });
  const kernel = await boot({
    modules: [access, fs, http, mcp, nodeModule, probeModule(probed), shell, ...more],
    config: { http: { port: 0, addresses: ["127.0.0.1"] }, mcp: config, node: { name: "here" } },
    ...{ clock, random, log },
    nodeNames: names.all,
    limits: { drainMs: 100 },
    provided: [
      [Backups, dataBackups({ directory: data, version: "0.0.0", clock })],
      [Checks, checkList()],
      [Clock, clock],
      [Files, files],
      [Host, simulatedHost({ dataDirectory: data, os: process.platform })],
      [Log, log],
      [LogBook, openLog({ clock, level: "error", file: join(data, "node.log") }).book],
      [NodeNames, names],
      [Processes, systemProcesses({ ledger: join(data, "children") })],
      [Random, random],
    ],
  });
  const tcp = kernel
    .service(Listeners)
    .bound()
    .find((one) => one.kind === "tcp");
  const owner = ownerOf(kernel);
  return {
    ...{ kernel, log, probed, work, owner },
    socket: join(data, "operone.sock"),
    url: `${tcp?.kind === "tcp" ? tcp.url : ""}/mcp`,
    async agent(name, grants = all) {
      const made = await owner("access.token-create", { name, agent: true, grants, acceptWarnings: true });
      return (made as { readonly token: string }).token;
    },
    async [Symbol.asyncDispose]() {
      await kernel.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ownerOf(kernel: Kernel): McpNode["owner"] {
  return async (operation, input = {}) => {
    const answer = await kernel.view.call({
      surface: "http",
      ...{ operation, input },
      caller: { kind: "owner", id: "owner", name: "owner" },
      sets: [{ holder: "owner", owner: true, grants: [] }],
      signal: new AbortController().signal,
    });
    return answer.gives === "value"
      ? answer.value
      : Array.fromAsync(answer.gives === "items" ? answer.items : []);
  };
}
