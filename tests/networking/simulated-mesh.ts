/** Nodes in a mesh on a network in memory and a clock that moves when told: no disk that matters, no port, no waiting. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RoleName } from "../../modules/access/contract.ts";
import { ActiveMesh, type MeshPorts } from "../../modules/networking/active-mesh.ts";
import { MeshEvents } from "../../modules/networking/events.ts";
import { MembershipStore } from "../../modules/networking/membership-store.ts";
import { MemoryNetwork } from "../../modules/networking/memory-transport.ts";
import { migrations } from "../../modules/networking/migrations.ts";
import { RosterLedger } from "../../modules/networking/roster-ledger.ts";
import { RosterStore } from "../../modules/networking/roster-store.ts";
import { signerFromSeed } from "../../modules/networking/signed-record.ts";
import { Bell } from "../../src/kernel/bell.ts";
import type { Answer } from "../../src/kernel/call.ts";
import { boot, type Kernel } from "../../src/kernel/kernel.ts";
import { type Random, Router } from "../../src/kernel/ports.ts";
import {
  simulatedClock,
  simulatedHost,
  simulatedLog,
  simulatedNames,
  simulatedRandom,
} from "../../src/kernel/simulated.ts";
import { type OpenDatabase, openDatabase } from "../../src/platform/sqlite.ts";
import { sampleModule } from "../surface/sample-module.ts";
import { caller, owner } from "../surface/sample-node.ts";
import { type Gauge, gaugeModule } from "./gauge-module.ts";
import { keyOf } from "./party.ts";
import { meshKey } from "./roster-node.ts";

export interface SimulatedNode {
  readonly name: string;
  readonly peerId: string;
  readonly gauge: Gauge;
  readonly kernel: Kernel;
  readonly events: string[];
  mesh(): ActiveMesh;
  call(operation: string, input: unknown, node: string, signal?: AbortSignal): Promise<Answer>;
}

interface Running {
  readonly node: SimulatedNode;
  readonly database: OpenDatabase;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export class SimulatedMesh {
  readonly clock = simulatedClock();
  readonly log = simulatedLog();
  readonly network = new MemoryNetwork({ clock: this.clock, log: this.log });
  readonly #directory = mkdtempSync(join(tmpdir(), "operone-sim-"));
  readonly #nodes = new Map<string, Running>();

  /** All are admins, and everybody may be admin on each, unless `roles` says otherwise. */
  static async start(
    names: readonly string[],
    roles: Readonly<Record<string, RoleName>> = {},
  ): Promise<SimulatedMesh> {
    const mesh = new SimulatedMesh();
    const members = names.map((name, at) => ({ name, key: keyOf(at + 1), role: roles[name] ?? "admin" }));
    for (const { name, key } of members) mesh.#nodes.set(name, await mesh.#make(name, key));
    const first = mesh.#ledger(names[0] ?? "");
    const founder = await signerFromSeed(members[0]?.key.seed ?? new Uint8Array(32));
    // As in a real mesh: the mesh key makes the first admin, who lets the others in.
    for (const [at, { key, role }] of members.entries())
      await first.issue(at === 0 ? meshKey : founder, { subject: key.peerId, role });
    const entries = [...first.roster.index.all()].map(({ envelope }) => envelope);
    for (const name of names.slice(1)) await mesh.#ledger(name).acceptEntries(entries, undefined);
    for (const { start } of mesh.#nodes.values()) await start();
    // Where the first one listens is what a newcomer learns from its code.
    for (const { node } of mesh.#nodes.values()) await node.mesh().facts.tell();
    const facts = [...mesh.#nodes.values()].flatMap(({ node }) =>
      node
        .mesh()
        .ledger.facts()
        .map(({ envelope }) => envelope),
    );
    for (const { node } of mesh.#nodes.values()) {
      await node.mesh().ledger.acceptFacts(facts, undefined);
      node.mesh().peers.retryNow();
    }
    await mesh.until(() => mesh.linked(...names));
    return mesh;
  }

  node(name: string): SimulatedNode {
    const running = this.#nodes.get(name);
    if (running === undefined) throw new Error(`There is no node ${name}`);
    return running.node;
  }

  /** Stops the node as a crash would, as far as others can see. */
  async halt(name: string): Promise<void> {
    await this.#nodes.get(name)?.stop();
  }

  /** With what it had on its disk, at another address. */
  async revive(name: string): Promise<void> {
    await this.#nodes.get(name)?.start();
  }

  linked(...names: readonly string[]): boolean {
    const nodes = names.map((name) => this.node(name));
    return nodes.every((node) =>
      nodes.every((other) => node === other || node.mesh().peers.state(other.peerId).link !== undefined),
    );
  }

  part(side: readonly string[], other: readonly string[]): void {
    this.network.part(
      side.map((name) => this.node(name).peerId),
      other.map((name) => this.node(name).peerId),
    );
  }

  /** Moves time on until it holds. @throws when it does not within `msMax` of simulated time */
  async until(condition: () => boolean, msMax = 120_000, stepMs = 250): Promise<void> {
    for (let ms = 0; ms <= msMax; ms += stepMs) {
      // Signatures take turns of the real event loop, which no simulated time stands for.
      for (let turn = 0; turn < 3 && !condition(); turn++) await this.clock.advance(0);
      if (condition()) return;
      await this.clock.advance(stepMs);
    }
    throw new Error(`It did not happen within ${msMax} ms of simulated time: ${condition}`);
  }

  /** Moves time on until the work ends. */
  async settled<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const ended = work.finally(() => {
      done = true;
    });
    ended.catch(() => {});
    await this.until(() => done);
    return await ended;
  }

  async stop(): Promise<void> {
    for (const { node, stop, database } of this.#nodes.values()) {
      await stop();
      await this.settled(node.kernel.stop());
      database.close();
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #ledger(name: string): RosterLedger {
    const database = this.#nodes.get(name)?.database;
    if (database === undefined) throw new Error(`There is no node ${name}`);
    return new RosterLedger({ mesh: meshKey.peerId, store: new RosterStore(database), clock: this.clock });
  }

  #ports(
    name: string,
    random: Random,
    { view }: Kernel,
  ): Omit<MeshPorts, "events" | "database" | "membership"> {
    return {
      kernel: view,
      clock: this.clock,
      random,
      log: this.log,
      host: simulatedHost({ version: "1.0.0" }),
      names: simulatedNames(name),
      labels: {},
      announce: [],
      auditHead: async () => undefined,
    };
  }

  async #make(name: string, key: ReturnType<typeof keyOf>): Promise<Running> {
    const { clock, log } = this;
    const database = openDatabase({
      path: join(this.#directory, `${name}.db`),
      migrations,
      synchronous: "normal",
    });
    const membership = new MembershipStore(database);
    membership.write({ mesh: meshKey.peerId, joinedAtMs: clock.nowMs(), cap: "admin" });
    const { peerId } = await signerFromSeed(key.seed);
    const random = simulatedRandom(key.seed[0] ?? 0);
    const gauge = gaugeModule();
    let active: ActiveMesh | undefined;
    const mesh = () => {
      if (active === undefined) throw new Error(`The node ${name} is halted`);
      return active;
    };
    const router: Router = {
      isLocal: (selector) => mesh().router.isLocal(selector),
      route: (selector, routed) => mesh().router.route(selector, routed),
    };
    const kernel = await boot({
      modules: [sampleModule, gauge.module],
      provided: [[Router, router]],
      clock,
      random,
      log,
      nodeNames: new Set([name, peerId]),
      limits: { drainMs: 10 },
    });
    const events = new MeshEvents(clock, new Bell());
    const told = toldBy(events);
    const start = async () => {
      const stored = membership.read();
      if (stored === undefined) throw new Error("It is in no mesh");
      const ports: MeshPorts = {
        ...this.#ports(name, random, kernel),
        events,
        database,
        membership,
      };
      active = await ActiveMesh.start(ports, stored, key, async (of, options) =>
        this.network.transport(of, options),
      );
    };
    const stop = async () => {
      await active?.stop();
      active = undefined;
    };
    const call: SimulatedNode["call"] = (operation, input, node, signal = new AbortController().signal) =>
      kernel.view.call({ surface: "http", operation, input, caller, sets: owner, node, signal });
    return { node: { name, peerId, gauge, kernel, events: told, mesh, call }, database, start, stop };
  }
}

function toldBy(events: MeshEvents): string[] {
  const told: string[] = [];
  void (async () => {
    for await (const { event, name, peerId } of events.follow(new AbortController().signal))
      told.push(`${event} ${name ?? peerId}`);
  })();
  return told;
}
