/** Nodes of the compiled file that join a mesh, each with a data directory of its own. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, folder, type Outcome, type StartOptions, startNode, type TestNode } from "./node.ts";
import { binary } from "./subject.ts";

/** As `operone nodes --json` gives it. */
export interface SeenNode {
  readonly name?: string;
  readonly peerId: string;
  readonly self: boolean;
  readonly role: string;
  readonly cap?: string;
  readonly state: "self" | "connected" | "away";
  readonly address?: string;
  readonly addresses: readonly string[];
  readonly reason?: string;
}

/** A data directory with a configuration: on loopback, and on a port of the system's choice, unless it says more. */
export function meshDirectory(name?: string, networking?: string): string {
  const directory = join(folder("m"), "d");
  mkdirSync(directory, { mode: 0o700 });
  configure(directory, name, networking);
  return directory;
}

export function configure(
  directory: string,
  name: string | undefined,
  networking = 'port = 0\naddresses = ["127.0.0.1"]',
): void {
  const text = `[node]\n${name === undefined ? "" : `name = "${name}"`}\n[networking]\n${networking}\n`;
  writeFileSync(join(directory, "config.toml"), text, { mode: 0o600 });
}

/** An address of loopback that nobody else uses, on Linux: a node is found there again after it was started anew. */
export function ownAddress(): string {
  return `127.${[...crypto.getRandomValues(new Uint8Array(3))].map((byte) => 1 + (byte % 250)).join(".")}`;
}

export async function meshNode(name: string, options: StartOptions = {}): Promise<TestNode> {
  return await startNode({ ...options, directory: options.directory ?? meshDirectory(name) });
}

/** Fails with what the command wrote. */
export async function done(outcome: Outcome | Promise<Outcome>): Promise<Outcome> {
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(`The command ended with ${code}: ${stderr}${stdout}`);
  return { code, stdout, stderr };
}

/** The code alone, as a script gets it. */
export async function invite(node: TestNode, ...more: readonly string[]): Promise<string> {
  return (await done(node.run(["invite", "--no-qr", ...more]))).stdout.trim();
}

export async function enter(inviter: TestNode, joiner: TestNode, ...allow: readonly string[]): Promise<void> {
  await done(joiner.run(["join", await invite(inviter, "--role", "admin"), ...allow]));
}

/** Two nodes in one mesh, both admins in it, where everything is allowed in both directions. */
export async function meshPair(): Promise<{ readonly a: TestNode; readonly b: TestNode }> {
  const [a, b] = await Promise.all([meshNode("a"), meshNode("b")]);
  await enter(a, b, "--allow", "admin");
  await done(a.run(["allow", "admin"]));
  await connected(a, "b");
  await connected(b, "a");
  return { a, b };
}

export async function nodesOf(node: TestNode): Promise<readonly SeenNode[]> {
  const response = await node.call("networking.nodes");
  if (!response.ok) throw new Error(`networking.nodes was refused: ${await response.text()}`);
  return ((await response.json()) as { readonly nodes: readonly SeenNode[] }).nodes;
}

/** Waits until the nodes with these names are connected; fails with what is seen instead. */
export async function connected(node: TestNode, ...names: readonly string[]): Promise<void> {
  await seen(node, `${names.join(" and ")} connected`, (nodes) =>
    names.every((name) => nodes.some((one) => one.name === name && one.state === "connected")),
  );
}

/** Waits until what the node knows of the mesh is so. */
export async function seen(
  node: TestNode,
  what: string,
  holds: (nodes: readonly SeenNode[]) => boolean,
  timeoutMs = 40_000,
): Promise<void> {
  let last: readonly SeenNode[] = [];
  const held = await eventually(async () => {
    last = await nodesOf(node);
    return holds(last);
  }, timeoutMs);
  if (!held) throw new Error(`Not within ${timeoutMs} ms: ${what}; seen: ${JSON.stringify(last, null, 1)}`);
}

/** A command of the node's binary that goes on: the test ends it. */
export async function started<Stdin extends "ignore" | "pipe">(
  node: TestNode,
  argv: readonly string[],
  stdin: Stdin,
) {
  return Bun.spawn([await binary(), "--data", node.directory, ...argv], {
    env: { PATH: process.env.PATH ?? "", HOME: "/tmp" },
    stdin,
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Resident memory of a process in MB, as Linux tells it; 0 when it is gone. */
export function residentMb(pid: number): number {
  try {
    const [, pages = "0"] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
    return (Number(pages) * 4_096) / 1_000_000;
  } catch {
    return 0;
  }
}
