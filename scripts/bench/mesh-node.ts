/** Nodes in a mesh on this machine: of the compiled binary, and one in the process that measures. */
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { type RunningNode, startNode as startHere } from "../../src/command/node.ts";
import type { Answer, Call } from "../../src/kernel/call.ts";
import { newFolder, removeFolder, systemPaths, tracked } from "./subjects.ts";

export interface MeshNode {
  readonly name: string;
  readonly home: string;
  readonly pid: number;
  /** One operation with one value, over the socket, as the owner. */
  ask(operation: string, input?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

const loopback = 'networking.addresses=["127.0.0.1"]';

export function settingsOf(name: string, port: number): readonly string[] {
  return [`node.name=${name}`, "http.port=0", `networking.port=${port}`, loopback];
}

export interface MeshNodeOptions {
  readonly home?: string | undefined;
  readonly port?: number | undefined;
}

export function spawnNode(binary: string, home: string, settings: readonly string[]) {
  const env = { ...systemPaths(), HOME: home, OPERONE_HOME: home };
  return tracked(Bun.spawn([binary, "up", ...settings], { env, stdio: ["ignore", "ignore", "ignore"] }));
}

/** Of the compiled binary; resolves when its HTTP door answers. */
export async function startMeshNode(
  binary: string,
  name: string,
  { home = newFolder(), port = 0 }: MeshNodeOptions = {},
): Promise<MeshNode> {
  const settings = settingsOf(name, port).flatMap((setting) => ["--set", setting]);
  const child = spawnNode(binary, home, settings);
  const ask = (operation: string, input: unknown = {}) => askSocket(home, operation, input);
  await until(
    () =>
      ask("node.ready").then(
        () => true,
        () => false,
      ),
    20_000,
    `the node ${name} to start`,
  );
  return {
    name,
    home,
    pid: child.pid,
    ask,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

export function removeHomes(nodes: readonly { readonly home: string }[]): void {
  for (const { home } of nodes) removeFolder(home);
}

async function askSocket(home: string, operation: string, input: unknown): Promise<unknown> {
  const response = await fetch(`http://operone/v1/${operation.replace(".", "/")}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson, application/json" },
    body: JSON.stringify(input),
    unix: join(home, "operone.sock"),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${operation}: ${text}`);
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.length === 1 ? JSON.parse(lines[0] ?? "") : lines.map((line) => JSON.parse(line));
}

/** Makes `guest` a member of the mesh of `host`, which is made by the first invite. */
export async function joinMesh(host: Pick<MeshNode, "ask">, guest: Pick<MeshNode, "ask">): Promise<void> {
  await enter(guest, await inviteTo(host));
}

export async function inviteTo(host: Pick<MeshNode, "ask">): Promise<string> {
  const { code } = (await host.ask("networking.invite", { role: "admin", qr: false })) as { code: string };
  return code;
}

export async function enter(guest: Pick<MeshNode, "ask">, code: string): Promise<void> {
  const steps = JSON.stringify(await guest.ask("networking.join", { code, allow: "admin" }));
  if (!steps.includes('"joined"')) throw new Error(`The join ended without being in the mesh: ${steps}`);
}

interface Listed {
  readonly nodes: readonly { readonly name?: string; readonly self: boolean; readonly state: string }[];
}

/** Knows `count` members by their names, has a link to `linked` of them at least. */
export async function sees({ ask }: Pick<MeshNode, "ask">, count: number, linked: number): Promise<boolean> {
  const { nodes } = (await ask("networking.nodes")) as Listed;
  const connected = nodes.filter(({ state }) => state === "connected");
  return nodes.filter(({ name }) => name !== undefined).length === count && connected.length >= linked;
}

/** Looks every few milliseconds. @throws when `timeoutMs` are over */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  what: string,
  everyMs = 5,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`);
    await Bun.sleep(everyMs);
  }
}

/** The node in this process: calls go through its dispatcher, so no other door is measured with them. */
export class HereNode {
  readonly home: string;
  readonly #node: RunningNode;

  private constructor(node: RunningNode, home: string) {
    this.#node = node;
    this.home = home;
  }

  static async start(name: string): Promise<HereNode> {
    const home = newFolder();
    const node = await startHere({ directory: home, settings: settingsOf(name, 0), background: true });
    return new HereNode(node, home);
  }

  ask = async (operation: string, input: unknown = {}): Promise<unknown> => {
    const answer = await this.call(operation, input);
    if (answer.gives === "value") return answer.value;
    if (answer.gives === "items") return await Array.fromAsync(answer.items);
    throw new Error(`${operation} gives bytes`);
  };

  call(operation: string, input: unknown, more: Partial<Pick<Call, "node" | "bytes">> = {}): Promise<Answer> {
    return this.#node.kernel.view.call({
      surface: "cli",
      operation,
      input,
      caller: { kind: "owner", id: "owner", name: "owner" },
      sets: [{ holder: "owner", owner: true, grants: [] }],
      signal: new AbortController().signal,
      ...more,
    });
  }

  async stop(): Promise<void> {
    await this.#node.stop();
    removeHomes([this]);
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
