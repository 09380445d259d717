/** Machines on one Ethernet, made of network namespaces of the kernel. Takes root, and `ip`. */
import { randomBytes } from "node:crypto";

export class TestNetwork {
  readonly #prefix = `op${randomBytes(3).toString("hex")}`;
  readonly #namespaces: string[] = [];
  readonly #switch: string;

  constructor() {
    this.#switch = this.#namespace("sw");
    ip("-n", this.#switch, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0");
    ip("-n", this.#switch, "link", "set", "br0", "up");
  }

  /** A machine with one cable to the switch and no address yet: no route, not even a default one. */
  machine(name: string): TestMachine {
    const namespace = this.#namespace(name);
    ip("-n", namespace, "link", "set", "lo", "up");
    const machine = new TestMachine(namespace, this.#switch, `p-${name}`);
    machine.plugIn();
    return machine;
  }

  /** With what is in them; the processes have ended by then. */
  remove(): void {
    for (const namespace of this.#namespaces.splice(0)) ip("netns", "delete", namespace);
  }

  #namespace(name: string): string {
    const namespace = `${this.#prefix}-${name}`;
    ip("netns", "add", namespace);
    this.#namespaces.push(namespace);
    return namespace;
  }
}

export class TestMachine {
  /** The words before a program that runs on it. */
  readonly runner: readonly string[];
  readonly #namespace: string;
  readonly #switch: string;
  readonly #port: string;

  constructor(namespace: string, within: string, port: string) {
    this.#namespace = namespace;
    this.#switch = within;
    this.#port = port;
    this.runner = ["ip", "netns", "exec", namespace];
  }

  plugIn(): void {
    const [far, port, near] = [this.#switch, this.#port, this.#namespace];
    ip("-n", far, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", near);
    ip("-n", far, "link", "set", port, "master", "br0", "up");
    ip("-n", near, "link", "set", "eth0", "up");
  }

  /** The interface itself goes, as that of a USB adapter or of a sleeping radio does. */
  unplug(): void {
    ip("-n", this.#namespace, "link", "delete", "eth0");
  }

  /** @param address with the length of the network: `10.1.2.3/24`. It takes the place of all others. */
  setAddress(address: string): void {
    ip("-n", this.#namespace, "address", "flush", "dev", "eth0");
    ip("-n", this.#namespace, "address", "add", address, "dev", "eth0");
  }
}

function ip(...words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["ip", ...words]);
  if (exitCode !== 0) throw new Error(`ip ${words.join(" ")}: ${stderr.toString().trim()}`);
}
