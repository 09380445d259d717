/** Whole nodes in this process: every module of the binary, a folder each, and a mesh between them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Credentials, type Identity } from "../../modules/access/contract.ts";
import type { ActiveMesh } from "../../modules/networking/active-mesh.ts";
import { networking } from "../../modules/networking/module.ts";
import type { Networking } from "../../modules/networking/networking.ts";
import type { MakeTransport } from "../../modules/networking/open.ts";
import { startNetworking } from "../../modules/networking/start.ts";
import type { Answer } from "../../src/kernel/call.ts";
import { checkList } from "../../src/kernel/checks.ts";
import { OperoneError } from "../../src/kernel/error.ts";
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
import { modules } from "../../src/modules.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { diskFiles } from "../../src/platform/files.ts";
import { nodeNames } from "../../src/platform/node-names.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { sampleModule } from "../surface/sample-module.ts";
import { type Gauge, gaugeModule } from "./gauge-module.ts";

export interface MeshNodeOptions {
  readonly name: string;
  /** Absent: libp2p over loopback. */
  readonly transports?: MakeTransport | undefined;
  readonly clock?: Clock;
  readonly version?: string;
  /** Operations that this node does not have, as if its version were older. */
  readonly lacks?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly announce?: readonly string[];
  readonly directory?: string;
}

export interface CallOptions {
  readonly node?: string;
  /** As a token; else as the owner. */
  readonly token?: string;
  readonly callId?: string;
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
  readonly bytes?: AsyncIterable<Uint8Array>;
  readonly messages?: AsyncIterable<unknown>;
}

export interface MeshNode {
  readonly name: string;
  readonly directory: string;
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly log: SimulatedLog;
  readonly gauge: Gauge;
  readonly networking: Networking;
  readonly names: NodeNames;
  mesh(): ActiveMesh;
  call(operation: string, input?: unknown, options?: CallOptions): Promise<Answer>;
  /** The value, or all items. */
  given(operation: string, input?: unknown, options?: CallOptions): Promise<unknown>;
  /** The refusal, wherever it comes. */
  refused(operation: string, input?: unknown, options?: CallOptions): Promise<OperoneError>;
  identity(token?: string): Promise<Identity>;
  token(input: Readonly<Record<string, unknown>>): Promise<string>;
  /** The folder stays. */
  stop(): Promise<void>;
}

const made: { readonly nodes: MeshNode[]; readonly directories: string[] } = { nodes: [], directories: [] };

/** For `afterEach` or `afterAll`: stops every node of the file, and removes the folders. */
export async function removeMeshNodes(): Promise<void> {
  await Promise.all(made.nodes.splice(0).map((node) => node.stop()));
  for (const directory of made.directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

export async function startMeshNode(options: MeshNodeOptions): Promise<MeshNode> {
  const { name, clock = systemClock(), version = "1.0.0", labels = {}, announce = [] } = options;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "om-"));
  if (options.directory === undefined) made.directories.push(directory);
  const log = simulatedLog();
  const random = systemRandom();
  const files = diskFiles();
  const names = await nodeNames({ files, path: join(directory, "name"), configured: "", hostName: name });
  const gauge = gaugeModule();
  const net = networkingOver(options.transports);
  const lacking = new Set(options.lacks);
  const all = [
    ...modules.map((one) => (one.id === "networking" ? net.module : one)),
    sampleModule,
    gauge.module,
  ];
  const kernel = await boot({
    modules: all.map((one) => ({ ...one, operations: one.operations.filter(({ id }) => !lacking.has(id)) })),
    config: {
      http: { port: 0 },
      networking: { port: 0, addresses: ["127.0.0.1"], labels, announce },
    },
    clock,
    random,
    log,
    nodeNames: names.all,
    limits: { drainMs: 100 },
    provided: [
      [Backups, { create: () => ({ fileName: "none.tar", open: nothing }) }],
      [Checks, checkList()],
      [Clock, clock],
      [Files, files],
      [Host, simulatedHost({ dataDirectory: directory, version, hostName: name, pid: process.pid })],
      [Log, log],
      [LogBook, { level: () => "info", setLevel: () => {}, tail: () => [], follow: nothing }],
      [NodeNames, names],
      [Processes, systemProcesses({ ledger: join(directory, "shell", "children") })],
      [Random, random],
    ],
  });
  const node = meshNode({
    name,
    directory,
    kernel,
    clock,
    log,
    gauge,
    names,
    networking: await net.started(),
  });
  made.nodes.push(node);
  return node;
}

async function* nothing(): AsyncGenerator<never> {}

/** The module as it is in the binary, over another network, and with its inside in reach. */
function networkingOver(transports: MakeTransport | undefined) {
  const state = Promise.withResolvers<Networking>();
  const module: Module = {
    ...networking,
    start: (input) => {
      const started = startNetworking(input as never, transports);
      state.resolve(started.state().then((parts) => parts.networking));
      return started as never;
    },
  };
  return { module, started: () => state.promise };
}

function meshNode(
  parts: Omit<MeshNode, "mesh" | "call" | "given" | "refused" | "identity" | "token" | "stop">,
): MeshNode {
  const { kernel } = parts;
  const identity: MeshNode["identity"] = async (token) => {
    const credentials = kernel.service(Credentials);
    const found = token === undefined ? credentials.owner() : await credentials.authenticate(token);
    if (found === undefined) throw new Error("The test's token is not live");
    return found;
  };
  const call: MeshNode["call"] = async (operation, input = {}, { token, signal, ...rest } = {}) => {
    const { caller, sets, revoked } = await identity(token);
    return await kernel.view.call({
      surface: "http",
      operation,
      input,
      caller,
      sets,
      signal: AbortSignal.any(signal === undefined ? [revoked] : [revoked, signal]),
      ...rest,
    });
  };
  const given: MeshNode["given"] = async (...args) => {
    const answer = await call(...args);
    if (answer.gives === "value") return answer.value;
    return await Array.fromAsync(answer.gives === "items" ? answer.items : answer.bytes.open());
  };
  return {
    ...parts,
    mesh: () => parts.networking.mesh(),
    call,
    given,
    identity,
    refused: (...args) => refusalOf(given(...args)),
    token: async (input) => ((await given("access.token-create", input)) as { token: string }).token,
    stop: () => kernel.stop(),
  };
}

/** What it was refused with. */
export async function refusalOf(work: Promise<unknown>): Promise<OperoneError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof OperoneError) return error;
    throw error;
  }
  throw new Error("It was not refused");
}

export interface JoinOptions {
  /** In the mesh. */
  readonly role?: "observer" | "operator" | "admin";
  /** What others may be on the joining node. */
  readonly allow?: "observer" | "operator" | "admin";
}

/** `node` joins the mesh of `inviter`, which makes one if there is none. */
export async function joinMesh(
  inviter: MeshNode,
  node: MeshNode,
  { role = "admin", allow = "admin" }: JoinOptions = {},
): Promise<void> {
  const { code } = (await inviter.given("networking.invite", { role, qr: false })) as { code: string };
  await node.given("networking.join", { code, allow });
}

/** Until each of them has a link to each other one, and knows its name. */
export async function connected(...nodes: readonly MeshNode[]): Promise<void> {
  await until(() =>
    nodes.every((node) =>
      nodes.every((other) => {
        const known = node
          .mesh()
          .nodes()
          .find(({ peerId }) => peerId === other.mesh().peerId);
        return known?.connected === true && known.name === other.names.name();
      }),
    ),
  );
}

/** Far beyond what a busy machine needs: only what hangs gets here. */
const untilMsMax = 30_000;

/** Polls, because what is waited for has no one event. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + untilMsMax;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`It did not happen within ${untilMsMax} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
