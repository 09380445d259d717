/**
 * This node and the mesh that it is in, or in none. Without one nothing listens and libp2p is not even loaded; the
 * first invite makes a mesh, and `join` enters one.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Files } from "../../src/kernel/ports.ts";
import type { RoleName } from "../access/contract.ts";
import { ActiveMesh, type MeshPorts, type OpenTransport } from "./active-mesh.ts";
import type { Invite } from "./invites.ts";
import type { JoinStep } from "./join.ts";
import { Joining } from "./joining.ts";

import { meshSigner, newMeshKey } from "./recovery.ts";
import { RosterLedger } from "./roster-ledger.ts";
import { RosterStore } from "./roster-store.ts";
import { signerFromSeed } from "./signed-record.ts";
import type { NodeKey } from "./transport.ts";

export interface NetworkingPorts extends MeshPorts {
  readonly files: Files;
  /** Listens where the configuration says. */
  readonly openTransport: OpenTransport;
  /** Dials, and listens nowhere. */
  readonly openSilentTransport: OpenTransport;
  /** Of `node.key`; made at the first need. */
  loadKey(): Promise<NodeKey>;
  readonly keyPath: string;
}

export interface NewInvite {
  readonly invite: Invite;
  readonly code: string;
  /** Only of the first invite, which made the mesh: it is shown now and kept nowhere. */
  readonly recoveryPhrase?: string;
}

/** For the first exchange with the inviting node. */
const meetMsMax = 5_000;

export class Networking {
  readonly #ports: NetworkingPorts;
  #active: ActiveMesh | undefined;
  /** One change of membership after another. */
  #turn: Promise<unknown> = Promise.resolve();
  #joining: Joining | undefined;
  #stopped = false;

  constructor(ports: NetworkingPorts) {
    this.#ports = ports;
  }

  get events() {
    return this.#ports.events;
  }

  get joining(): Joining | undefined {
    return this.#joining;
  }

  get active(): ActiveMesh | undefined {
    return this.#active;
  }

  /** @throws OperoneError `conflict` while this node is in no mesh */
  mesh(): ActiveMesh {
    if (this.#active !== undefined) return this.#active;
    throw new OperoneError(
      "conflict",
      'This node is in no mesh; "operone invite" makes one, "operone join CODE" enters one',
    );
  }

  /** Goes on where the last run of this node was. */
  async resume(): Promise<void> {
    await this.#inTurn(async () => {
      const membership = this.#ports.membership.read();
      if (membership !== undefined) await this.#activate(await this.#ports.loadKey());
    });
  }

  /**
   * @param invite `expiresInMs` up to 24 hours; `confirm`: a person must say yes to whoever uses it
   * @throws OperoneError `forbidden` when this node is no admin, `limited`, `invalid_input`
   */
  async invite(invite: {
    readonly role: RoleName;
    readonly expiresInMs?: number | undefined;
    readonly confirm?: boolean | undefined;
  }): Promise<NewInvite> {
    const recoveryPhrase = await this.#inTurn(async () =>
      this.#active === undefined ? await this.#found() : undefined,
    );
    const mesh = this.mesh();
    this.#assertAdmin(mesh, "make an invite");
    const made = mesh.invites.create({
      ...invite,
      inviter: mesh.peerId,
      meshId: mesh.meshId,
      addresses: this.#inviteAddresses(mesh),
    });
    return { ...made, ...(recoveryPhrase === undefined ? {} : { recoveryPhrase }) };
  }

  /**
   * @param cap what every other node may be here at most
   * @throws OperoneError `conflict` in a mesh; else as `Enrolments.join`
   */
  async *join(code: string, cap: RoleName, signal: AbortSignal): AsyncGenerator<JoinStep, void> {
    const key = await this.#ports.loadKey();
    if (this.#active !== undefined) {
      throw new OperoneError(
        "conflict",
        `This node is in the mesh ${this.#active.meshId} already; "operone leave" ends that`,
      );
    }
    if (this.#joining?.running === true) {
      throw new OperoneError("conflict", 'This node is joining a mesh already; "operone pending" shows it');
    }
    const joining = new Joining(this.#ports, key, cap);
    this.#joining = joining;
    for await (const step of joining.steps(code, signal)) {
      if (step.step !== "joined") yield step;
      else {
        await this.#inTurn(async () => await this.#activate(await this.#ports.loadKey()));
        await this.#met(step.inviter);
        yield step;
      }
    }
    this.#joining = undefined;
  }

  /** A node that has joined should know the others, and they it, before anybody is told. It is a member without that too. */
  async #met(inviter: string): Promise<void> {
    const { clock, log } = this.#ports;
    const late = new AbortController();
    const stop = clock.after(meetMsMax, () => late.abort());
    const ended = new Promise<void>((resolve) => late.signal.addEventListener("abort", () => resolve()));
    try {
      const { peers, sync } = this.mesh();
      const link = await peers.link(inviter, late.signal);
      await Promise.race([sync.settled(link), ended]);
    } catch (error) {
      log.info("The inviting node could not be reached yet", { error: String(error) });
    } finally {
      stop();
    }
  }

  /** Forgets the mesh and this node's key: the others see a node that is away until an admin removes it. */
  async leave(): Promise<{ readonly meshId: string; readonly peerId: string }> {
    return await this.#inTurn(async () => {
      const { meshId, peerId } = this.mesh();
      await this.#active?.stop();
      this.#active = undefined;
      this.#ports.membership.forget();
      // A mesh that removes the key never takes it again, so the next one gets a new one.
      await this.#ports.files.remove(this.#ports.keyPath);
      return { meshId, peerId };
    });
  }

  /** @throws OperoneError `forbidden` when this node is no admin; what `Roster.next` says */
  async setRole(peerId: string, role: RoleName | "removed"): Promise<void> {
    const mesh = this.mesh();
    if (peerId === mesh.peerId && role === "removed") {
      throw new OperoneError(
        "invalid_input",
        'A node does not remove itself; "operone leave" leaves the mesh',
      );
    }
    this.#assertAdmin(mesh, role === "removed" ? "remove a node" : "change a role");
    await mesh.ledger.issue(mesh.signer, { subject: peerId, role });
  }

  /**
   * Makes this node an admin with the recovery phrase, whatever the roster says of it. One whose key was removed gets
   * a new key first.
   *
   * @throws OperoneError `invalid_input`, `forbidden` for no phrase, or another mesh's
   */
  async recover(phrase: string): Promise<{ readonly peerId: string }> {
    return await this.#inTurn(async () => {
      const meshKey = await meshSigner(phrase, this.mesh().meshId);
      if (this.mesh().ledger.roster.isRemoved(this.mesh().peerId)) {
        await this.#active?.stop();
        this.#active = undefined;
        await this.#ports.files.remove(this.#ports.keyPath);
        await this.#activate(await this.#ports.loadKey());
      }
      const mesh = this.mesh();
      await mesh.ledger.issue(meshKey, { subject: mesh.peerId, role: "admin" });
      await mesh.facts.tell();
      return { peerId: mesh.peerId };
    });
  }

  /** @throws OperoneError `conflict` when the configuration gives the name */
  async rename(name: string): Promise<void> {
    await this.#ports.names.rename(name);
    await this.#active?.facts.tell();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#joining?.stop();
    await this.#turn;
    await this.#active?.stop();
    this.#active = undefined;
  }

  /** @returns the recovery phrase */
  async #found(): Promise<string> {
    const { membership, database, clock } = this.#ports;
    const key = await this.#ports.loadKey();
    const { phrase, signer: meshKey } = await newMeshKey(this.#ports.random);
    const store = new RosterStore(database);
    const ledger = new RosterLedger({ mesh: meshKey.peerId, store, clock });
    const { peerId } = await signerFromSeed(key.seed);
    await ledger.issue(meshKey, { subject: peerId, role: "admin" });
    membership.write({ mesh: meshKey.peerId, joinedAtMs: clock.nowMs(), cap: "observer" });
    try {
      await this.#activate(key);
    } catch (error) {
      // It cannot listen, so nobody could have joined: the next try makes another one, and shows its phrase.
      membership.forget();
      throw error;
    }
    return phrase;
  }

  async #activate(key: NodeKey): Promise<void> {
    const membership = this.#ports.membership.read();
    if (membership === undefined || this.#stopped) return;
    this.#ports.names.setPeerId(key.peerId);
    this.#active = await ActiveMesh.start(this.#ports, membership, key, this.#ports.openTransport);
  }

  #assertAdmin({ ledger, peerId }: ActiveMesh, what: string): void {
    const role = ledger.roster.role(peerId);
    if (role === "admin") return;
    throw new OperoneError(
      "forbidden",
      `Only an admin of the mesh can ${what}, and this node is ${role ?? "no member"}; do it on one of: ${ledger.roster
        .admins()
        .map((id) => ledger.factsOf(id)?.name ?? id)
        .join(", ")}`,
    );
  }

  /** The nearest first: a private network before a public one, loopback only when there is nothing else. */
  #inviteAddresses(mesh: ActiveMesh): readonly string[] {
    const addressesMax = 8;
    return [...new Set([...this.#ports.announce, ...mesh.transport.addresses()])].slice(0, addressesMax);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}
