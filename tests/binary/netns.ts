/** Machines that are namespaces of this one: each with a cable to one switch, and a network of its own. Linux, root. */
import { runProgram } from "./node.ts";

export interface Machine {
  readonly name: string;
  /** Words before a program, so that it runs there. */
  readonly runner: readonly string[];
  /** Gives its only interface this address instead of whatever it has. */
  moveTo(address: string): Promise<void>;
  plug(isIn: boolean): Promise<void>;
  /** The interface itself goes, as that of a USB adapter or of a sleeping radio does. */
  removeInterface(): Promise<void>;
  /** A new one, with no address. */
  addInterface(): Promise<void>;
  /** Nothing that comes to the port gets an answer; what goes out from any other does. */
  closePort(port: number): Promise<void>;
}

const made: string[] = [];

async function ip(...words: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(["ip", ...words]);
  if (code !== 0) throw new Error(`ip ${words.join(" ")} failed: ${stderr}`);
}

/** For `afterAll`, when no process runs there any more. */
export async function removeMachines(): Promise<void> {
  for (const namespace of made.splice(0)) await ip("netns", "del", namespace);
}

/** @param addresses of the machines, by name: `{ a: "10.77.0.1/24" }`; undefined: none yet, and no route */
export async function machines<Name extends string>(
  addresses: Readonly<Record<Name, string | undefined>>,
): Promise<Record<Name, Machine>> {
  const prefix = `operone-${crypto.randomUUID().slice(0, 8)}`;
  const hub = await namespace(`${prefix}-switch`);
  await ip("-n", hub, "link", "add", "switch", "type", "bridge", "mcast_snooping", "0");
  await ip("-n", hub, "link", "set", "switch", "up");
  const all: Partial<Record<Name, Machine>> = {};
  for (const name of Object.keys(addresses) as Name[]) {
    all[name] = await machine(hub, await namespace(`${prefix}-${name}`), name, addresses[name]);
  }
  return all as Record<Name, Machine>;
}

async function namespace(name: string): Promise<string> {
  await ip("netns", "add", name);
  made.push(name);
  return name;
}

async function machine(
  hub: string,
  own: string,
  name: string,
  address: string | undefined,
): Promise<Machine> {
  const cable = `to-${name}`;
  const addInterface = async () => {
    await ip("-n", hub, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", own);
    await ip("-n", hub, "link", "set", cable, "master", "switch", "up");
    await ip("-n", own, "link", "set", "eth0", "up");
  };
  await ip("-n", own, "link", "set", "lo", "up");
  await addInterface();
  if (address !== undefined) await ip("-n", own, "address", "add", address, "dev", "eth0");
  return {
    name,
    runner: ["ip", "netns", "exec", own],
    async moveTo(next) {
      await ip("-n", own, "address", "flush", "dev", "eth0");
      await ip("-n", own, "address", "add", next, "dev", "eth0");
    },
    plug: (isIn) => ip("-n", hub, "link", "set", cable, isIn ? "up" : "down"),
    removeInterface: () => ip("-n", own, "link", "delete", "eth0"),
    addInterface,
    closePort: (port) => ip("-n", own, "rule", "add", "ipproto", "tcp", "sport", String(port), "blackhole"),
  };
}
