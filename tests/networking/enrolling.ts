/** Nodes that enrol with each other in memory, on a clock that moves when told. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publicKeyFromRaw } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey } from "@libp2p/peer-id";
import type { RoleName } from "../../modules/access/contract.ts";
import type { Admitted, RosterDoor } from "../../modules/networking/enrolment.ts";
import { type EnrolmentEvent, Enrolments } from "../../modules/networking/enrolments.ts";
import { InviteStore } from "../../modules/networking/invite-store.ts";
import { type InviteDraft, Invites } from "../../modules/networking/invites.ts";
import type { JoinStep } from "../../modules/networking/join.ts";
import { migrations } from "../../modules/networking/migrations.ts";
import type { Link } from "../../modules/networking/transport.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import {
  type SimulatedClock,
  simulatedClock,
  simulatedLog,
  simulatedRandom,
} from "../../src/kernel/simulated.ts";
import { type OpenDatabase, openDatabase } from "../../src/platform/sqlite.ts";
import { type MeshChannel, memoryChannels } from "../../src/surface/mesh-channel.ts";

export function peerOf(number: number): string {
  return peerIdFromPublicKey(publicKeyFromRaw(new Uint8Array(32).fill(number))).toString();
}

export const meshId = peerOf(200);

/** A roster that believes everything, and keeps what it was told. */
export interface TestDoor extends RosterDoor {
  meshId: string | undefined;
  readonly members: Map<string, RoleName>;
  readonly accepted: Admitted[];
  entries: readonly Uint8Array[];
  failure: Error | undefined;
}

function testDoor(mesh: string | undefined): TestDoor {
  const door: TestDoor = {
    meshId: mesh,
    members: new Map(),
    accepted: [],
    entries: [new Uint8Array(100).fill(1), new Uint8Array(0), new Uint8Array(70_000).fill(2)],
    failure: undefined,
    async admit(peerId, role) {
      if (door.failure !== undefined) throw door.failure;
      door.members.set(peerId, role);
      return { entries: door.entries };
    },
    async accept(admitted) {
      if (door.failure !== undefined) throw door.failure;
      door.accepted.push(admitted);
      door.meshId = admitted.meshId;
    },
  };
  return door;
}

export interface TestNode {
  readonly peerId: string;
  readonly door: TestDoor;
  readonly invites: Invites;
  readonly enrolments: Enrolments;
  readonly events: EnrolmentEvent[];
  readonly log: ReturnType<typeof simulatedLog>;
}

/** What a test may put between two nodes. */
export interface Wiring {
  /** Who answers a dial; the named peer when it does not say. */
  answers?: (peerId: string) => string;
  /** The joiner's end of each channel, as it is, or with somebody between. */
  tap?: (channel: MeshChannel) => MeshChannel;
  /** As whom the inviter sees the joiner: somebody who passes on what it says. */
  seenAs?: string;
  unreachable?: boolean;
  /** So many dials end right after the handshake. */
  refusals?: number;
}

export class TestMesh {
  readonly clock: SimulatedClock = simulatedClock();
  readonly directory = mkdtempSync(join(tmpdir(), "operone-enrol-"));
  readonly nodes = new Map<string, TestNode>();
  readonly wiring: Wiring = {};
  /** Promises of channels that were served. */
  readonly served: Promise<void>[] = [];
  readonly linksClosed: string[] = [];
  #database: OpenDatabase;

  constructor() {
    this.#database = this.#open();
  }

  /** A node; the one with `mesh` invites. All invites lie in one database, that of the only inviter. */
  node(number: number, mesh?: string, door = testDoor(mesh)): TestNode {
    const peerId = peerOf(number);
    const random = simulatedRandom(number * 7 + this.served.length);
    const log = simulatedLog();
    const events: EnrolmentEvent[] = [];
    const invites = new Invites({ store: new InviteStore(this.#database), clock: this.clock, random });
    const enrolments = new Enrolments({
      transport: { peerId, dial: async (to) => this.#link(peerId, to), prolong: () => {} },
      invites,
      door,
      clock: this.clock,
      random,
      log,
      onEvent: (event) => void events.push(event),
    });
    const node = { peerId, door, invites, enrolments, events, log };
    this.nodes.set(peerId, node);
    return node;
  }

  /** The inviter anew, with nothing but what lies on its disk. */
  restart(node: TestNode, number: number): TestNode {
    this.#database.close();
    this.#database = this.#open();
    return this.node(number, meshId, node.door);
  }

  invite(node: TestNode, draft: Partial<InviteDraft> = {}): string {
    return this.inviteWithId(node, draft).code;
  }

  inviteWithId(node: TestNode, draft: Partial<InviteDraft> = {}): { code: string; id: string } {
    const made = node.invites.create({
      role: "operator",
      inviter: node.peerId,
      meshId,
      addresses: ["/ip4/10.0.0.1/tcp/6738"],
      ...draft,
    });
    return { code: made.code, id: made.invite.id };
  }

  /** A channel to the node as this peer, for whoever speaks the protocol by hand. */
  knock(to: string, asPeer: string): MeshChannel {
    const [mine, theirs] = memoryChannels();
    const node = this.nodes.get(to);
    if (node === undefined) throw new Error("no such node");
    const remoteAddress = "/ip4/10.0.0.9/tcp/50000";
    this.served.push(node.enrolments.handle(theirs, { peerId: asPeer, remoteAddress }));
    return mine;
  }

  #link(from: string, to: string): Link {
    if (this.wiring.unreachable === true) throw new OperoneError("unavailable", `Nothing answers at ${to}`);
    if ((this.wiring.refusals ?? 0) > 0) {
      this.wiring.refusals = (this.wiring.refusals ?? 0) - 1;
      throw new OperoneError("forbidden", `${to} closed the connection right after the handshake`);
    }
    const answering = this.wiring.answers?.(to) ?? to;
    return {
      peerId: answering,
      remoteAddress: "/ip4/10.0.0.1/tcp/6738",
      direction: "out",
      encryption: "noise",
      openedAtMs: this.clock.nowMs(),
      closed: new AbortController().signal,
      openChannel: async () => {
        const channel = this.knock(answering, this.wiring.seenAs ?? from);
        return this.wiring.tap?.(channel) ?? channel;
      },
      close: () => void this.linksClosed.push(to),
    };
  }

  /** Lets `work` come to its end, moving time on while it does not. */
  async settle<T>(work: Promise<T>, stepMs = 250, stepsMax = 400): Promise<T> {
    let done = false;
    const ended = work.finally(() => {
      done = true;
    });
    ended.catch(() => {});
    for (let step = 0; step < stepsMax; step++) {
      await this.clock.advance(0);
      await this.clock.advance(0);
      if (done) return ended;
      await this.clock.advance(stepMs);
    }
    throw new Error(`It did not end within ${stepsMax * stepMs} ms of simulated time`);
  }

  close(): void {
    this.#database.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #open(): OpenDatabase {
    const path = join(this.directory, "networking.db");
    // No test cuts the power, and flushing the disk for each commit is what would take the time.
    return openDatabase({ path, migrations, synchronous: "normal" });
  }
}

/** A join that runs by itself; its steps so far, and its end. */
export function joining(node: TestNode, code: string, signal = new AbortController().signal) {
  const steps: JoinStep[] = [];
  const ended = (async () => {
    for await (const step of node.enrolments.join(code, { name: "pi", signal })) steps.push(step);
    return steps;
  })();
  ended.catch(() => {});
  const of = <S extends JoinStep["step"]>(name: S) =>
    steps.find((step): step is Extract<JoinStep, { step: S }> => step.step === name);
  return { steps, ended, of };
}

/** The error of a promise that must not resolve. */
export async function refusal(work: Promise<unknown>): Promise<OperoneError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof OperoneError) return error;
    throw error;
  }
  throw new Error("It was not refused");
}
