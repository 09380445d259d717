/**
 * This node and the mesh that it is in, or in none. Without one nothing listens and libp2p is not even loaded; the
 * first invite makes a mesh, and `join` enters one.
 */
import { errorBody, OperoneError } from "../../src/kernel/error.ts";
import type { Files } from "../../src/kernel/ports.ts";
import type { RoleName } from "../access/contract.ts";
import { ActiveMesh, type MeshPorts, type OpenTransport } from "./active-mesh.ts";
import { FoundingPhrase } from "./founding-phrase.ts";
import { expiryOf, type Invite } from "./invites.ts";
import type { JoinStep } from "./join.ts";
import { Joining } from "./joining.ts";
import { meshSigner, newMeshKey } from "./recovery.ts";
import { RosterLedger } from "./roster-ledger.ts";
import { rosterLimits } from "./roster-limits.ts";
import { RosterStore } from "./roster-store.ts";
import { type Signer, signerFromSeed } from "./signed-record.ts";
import type { NodeKey } from "./transport.ts";

export interface NetworkingPorts extends MeshPorts {
  readonly files: Files;
  /** Listens where the configuration says. */
  readonly openTransport: OpenTransport;
  /** Dials, and listens nowhere. */
  readonly openSilentTransport: OpenTransport;
  /** Whether the configured addresses are free. @throws OperoneError `unavailable` with the port that is taken */
  assertListenable(): Promise<void>;
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
  readonly #phrase: FoundingPhrase;

  constructor(ports: NetworkingPorts) {
    this.#ports = ports;
    this.#phrase = new FoundingPhrase(ports.membership, ports.clock);
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
      if (membership !== undefined) await this.#activate(await this.#ports.loadKey(), true);
    });
  }

  /**
   * @param invite `expiresInMs` up to 24 hours; `confirm`: a person must say yes to whoever uses it
   * @param caller aborted when nobody waits for the answer any more
   * @throws OperoneError `forbidden` when this node is no admin, `limited`, `invalid_input`
   */
  async invite(
    invite: {
      readonly role: RoleName;
      readonly expiresInMs?: number | undefined;
      readonly confirm?: boolean | undefined;
    },
    caller?: AbortSignal,
  ): Promise<NewInvite> {
    // A refused one must not make a mesh whose recovery phrase nobody sees.
    expiryOf(this.#ports.clock.nowMs(), invite.expiresInMs);
    const recoveryPhrase = await this.#inTurn(async () => {
      if (this.#active !== undefined && this.#phrase.isLost(this.#active)) await this.#forgetMesh();
      return this.#active === undefined ? await this.#found() : undefined;
    });
    const mesh = this.mesh();
    this.#assertAdmin(mesh, "make an invite");
    const made = mesh.invites.create({
      ...invite,
      inviter: mesh.peerId,
      meshId: mesh.meshId,
      addresses: this.#inviteAddresses(mesh),
    });
    if (recoveryPhrase === undefined) return made;
    if (caller?.aborted !== true) this.#phrase.given();
    return { ...made, recoveryPhrase };
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
    // The code is spent with its use, so whatever can be known before is.
    await this.#ports.assertListenable();
    const joining = new Joining(this.#ports, key, cap);
    this.#joining = joining;
    for await (const step of joining.steps(code, signal)) {
      if (step.step !== "joined") yield step;
      else {
        await this.#enter(step.meshId);
        await this.#met(step.inviter);
        yield { ...step, ...this.nameWarning() };
      }
    }
    this.#joining = undefined;
  }

  /** @throws OperoneError when it cannot take part; it is a member all the same */
  async #enter(meshId: string): Promise<void> {
    try {
      await this.#inTurn(async () => await this.#activate(await this.#ports.loadKey()));
    } catch (error) {
      const { code, message } = errorBody(error);
      throw new OperoneError(
        code,
        `This machine has joined the mesh ${meshId}, and takes part in it from its next start: ${message}`,
        undefined,
        { cause: error },
      );
    }
  }

  /** What to tell when this node shares its name with another one. */
  nameWarning(): { readonly warning?: string } {
    const name = this.#ports.names.name();
    const others = this.mesh()
      .nodes()
      .filter((node) => !node.self && node.name === name);
    if (others.length === 0) return {};
    const ids = others.map(({ peerId }) => peerId).join(", ");
    return {
      warning: `Another node is called "${name}" too (${ids}), so neither can be called by its name; give one another name with "operone rename", or "operone remove ID" one that is no more`,
    };
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

  /**
   * Forgets the mesh and this node's key: the others see a node that is away until an admin removes it.
   *
   * @param force also when no admin is left then. @throws OperoneError `conflict`
   */
  async leave(force = false): Promise<{ readonly meshId: string; readonly peerId: string }> {
    return await this.#inTurn(async () => {
      const { meshId, peerId } = this.mesh();
      if (!force) this.#assertNotLast(peerId, "leaves");
      // A mesh that removes the key never takes it again, so the next one gets a new one. It goes first: a node that
      // is killed between the two is still in the mesh, as nobody, and can leave again.
      await this.#ports.files.remove(this.#ports.keyPath);
      await this.#forgetMesh();
      return { meshId, peerId };
    });
  }

  async #forgetMesh(): Promise<void> {
    await this.#active?.stop();
    this.#active = undefined;
    this.#ports.membership.forget();
  }

  /**
   * @param force also when no admin is left then
   * @throws OperoneError `forbidden` when this node is no admin, `conflict`; what `Roster.next` and
   *   `FirstHearing.over` say
   */
  async setRole(peerId: string, role: RoleName | "removed", force = false): Promise<void> {
    const mesh = this.mesh();
    if (peerId === mesh.peerId && role === "removed") {
      throw new OperoneError(
        "invalid_input",
        'A node does not remove itself; "operone leave" leaves the mesh',
      );
    }
    this.#assertAdmin(mesh, role === "removed" ? "remove a node" : "change a role");
    await mesh.hearing.over();
    if (role !== "admin" && !force) this.#assertNotLast(peerId, `becomes ${role}`);
    await mesh.ledger.issue(mesh.signer, { subject: peerId, role });
  }

  /**
   * Makes this node an admin with the recovery phrase, before all others, whatever the roster says of it. A key that
   * was removed, or cannot go on where its entries are incomplete, is replaced by a new one.
   *
   * @throws OperoneError `invalid_input`, `forbidden` for no phrase, or another mesh's
   */
  async recover(phrase: string): Promise<{ readonly peerId: string }> {
    return await this.#inTurn(async () => {
      const meshKey = await meshSigner(phrase, this.mesh().meshId);
      const { ledger, peerId } = this.mesh();
      const { roster } = ledger;
      if (!roster.isRemoved(peerId)) {
        // Says which branch of a fork holds: whom this node admitted there is a member again.
        if (roster.isBroken(peerId)) await ledger.issue(meshKey, { subject: peerId, role: "observer" });
        await ledger.issue(meshKey, { subject: peerId, role: "admin" });
      }
      if (roster.isRemoved(peerId) || roster.isBroken(peerId)) await this.#takeNewKey(meshKey);
      const mesh = this.mesh();
      mesh.hearing.end();
      await mesh.facts.tell();
      return { peerId: mesh.peerId };
    });
  }

  /** A crash at any point leaves a node on which `recover` works again. */
  async #takeNewKey(meshKey: Signer): Promise<void> {
    const old = this.mesh();
    await this.#ports.files.remove(this.#ports.keyPath);
    const key = await this.#ports.loadKey();
    await old.ledger.issue(meshKey, { subject: key.peerId, role: "admin" });
    // Members that hear of the new key over the old one's links let it in afterwards.
    const { clock } = this.#ports;
    if (old.transport.links().length > 0)
      await new Promise<void>((resolve) => void clock.after(rosterLimits.leaveMsMax, resolve));
    await old.stop();
    this.#active = undefined;
    await this.#activate(key);
  }

  /** @throws OperoneError `conflict` when the configuration gives the name */
  async rename(name: string): Promise<void> {
    await this.#ports.names.rename(name);
    if (this.#active !== undefined) this.#active.names.accept(name, this.#active.peerId);
    await this.#active?.facts.tell();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#joining?.stop();
    await this.#turn;
    this.#phrase.stop();
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
    membership.write({
      mesh: meshKey.peerId,
      joinedAtMs: clock.nowMs(),
      cap: "observer",
      phraseUnconfirmed: true,
    });
    try {
      await this.#activate(key);
    } catch (error) {
      // It cannot listen, so nobody could have joined: the next try makes another one, and shows its phrase.
      membership.forget();
      throw error;
    }
    return phrase;
  }

  async #activate(key: NodeKey, isResumed = false): Promise<void> {
    const membership = this.#ports.membership.read();
    if (membership === undefined || this.#stopped) return;
    this.#ports.names.setPeerId(key.peerId);
    this.#active = await ActiveMesh.start(this.#ports, membership, key, this.#ports.openTransport, isResumed);
  }

  #assertAdmin({ ledger, peerId }: ActiveMesh, what: string): void {
    const role = ledger.roster.role(peerId);
    if (role === "admin") return;
    const admins = ledger.roster.admins().map((id) => ledger.factsOf(id)?.name ?? id);
    const next =
      admins.length > 0
        ? `do it on one of: ${admins.join(", ")}`
        : 'no admin is left, and "operone recover" with the recovery phrase makes one';
    throw new OperoneError(
      "forbidden",
      `Only an admin of the mesh can ${what}, and this node is ${role ?? "no member"}; ${next}`,
    );
  }

  #assertNotLast(peerId: string, change: string): void {
    const { roster } = this.mesh().ledger;
    const admins = roster.admins();
    if (admins.length !== 1 || admins[0] !== peerId || roster.members().length < 2) return;
    throw new OperoneError(
      "conflict",
      `When this node ${change}, no admin is left, and nobody can invite or remove any more: only "operone recover" with the recovery phrase mends that. Make another node admin first ("operone role NODE admin"), or say --force`,
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
