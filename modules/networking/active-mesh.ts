/**
 * This node in its mesh: the roster, the transport and everything that speaks over it. Loads libp2p, so it is
 * imported when there is a mesh to be in.
 */
import type { Clock, Host, Log, NodeNames, Random } from "../../src/kernel/ports.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import type { RoleName } from "../access/contract.ts";
import { AddressHints } from "./address-hints.ts";
import { claimsFor } from "./claims.ts";
import type { Discovery, DiscoveryUse } from "./discovery.ts";
import { Enrolments } from "./enrolments.ts";
import type { MeshEvents } from "./events.ts";
import { FirstHearing } from "./first-hearing.ts";
import { InviteStore } from "./invite-store.ts";
import { Invites } from "./invites.ts";
import type { Membership, MembershipStore } from "./membership-store.ts";
import { MeshNews } from "./mesh-news.ts";
import { NamePinStore } from "./name-pin-store.ts";
import { NamePins } from "./name-pins.ts";
import { OwnFactsPublisher } from "./own-facts.ts";
import { PeerCalls } from "./peer-calls.ts";
import { Peers } from "./peers.ts";
import { answerPings } from "./ping.ts";
import { ProbeRate } from "./port-probe.ts";
import { RosterDoorway } from "./roster-doorway.ts";
import { type LedgerChange, RosterLedger } from "./roster-ledger.ts";
import { RosterStore } from "./roster-store.ts";
import { RosterSync } from "./roster-sync.ts";
import { type KnownNode, MeshRouter } from "./router.ts";
import { type Signer, signerFromSeed } from "./signed-record.ts";
import type { OpenDatabase } from "./store.ts";
import { type Link, type NodeKey, protocols, type Transport, type TransportOptions } from "./transport.ts";
import { TwinWatch } from "./twin.ts";

export interface MeshPorts {
  readonly kernel: KernelView;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly host: Host;
  readonly names: NodeNames;
  readonly events: MeshEvents;
  readonly database: OpenDatabase;
  readonly membership: MembershipStore;
  readonly labels: Readonly<Record<string, string>>;
  /** Further addresses under which the node can be reached: multiaddrs. */
  readonly announce: readonly string[];
  /** Looks for members on the local network. Absent when that is switched off. */
  readonly openDiscovery?: ((use: DiscoveryUse) => Promise<Discovery>) | undefined;
  /** Head of the audit chain, to be told to the others. */
  auditHead(): Promise<{ readonly seq: number; readonly hash: string } | undefined>;
}

export type OpenTransport = (key: NodeKey, options: TransportOptions) => Promise<Transport>;

/** Channels of one peer at once. */
const channelsMax = { roster: 4, ping: 4, rpc: 128 } as const;

export class ActiveMesh {
  readonly ledger: RosterLedger;
  readonly signer: Signer;
  readonly transport: Transport;
  readonly peers: Peers;
  readonly sync: RosterSync;
  readonly invites: Invites;
  readonly enrolments: Enrolments;
  readonly router: MeshRouter;
  readonly facts: OwnFactsPublisher;
  readonly hearing: FirstHearing;
  /** Undefined when it is switched off. */
  readonly discovery: Promise<Discovery> | undefined;
  readonly names: NamePins;
  readonly probes: ProbeRate;
  readonly #hints: AddressHints;
  readonly twins: TwinWatch;
  readonly #ports: MeshPorts;
  readonly #calls = new Map<string, PeerCalls>();
  readonly #closers: (() => void)[] = [];
  readonly news: MeshNews;
  #membership: Membership;
  #caps: ReadonlyMap<string, RoleName>;

  private constructor(
    ports: MeshPorts,
    membership: Membership,
    signer: Signer,
    ledger: RosterLedger,
    transport: Transport,
    isResumed: boolean,
  ) {
    this.#ports = ports;
    this.#membership = membership;
    this.#caps = ports.membership.caps();
    this.signer = signer;
    this.ledger = ledger;
    this.transport = transport;
    const { kernel, clock, random, log, host, database, events } = ports;
    this.names = new NamePins(new NamePinStore(database));
    const newcomer = (peerId: string) => this.enrolments.newcomer(peerId);
    this.news = new MeshNews({ ledger, events, log, names: this.names, newcomer });
    this.#hints = new AddressHints(clock);
    this.probes = new ProbeRate(clock);
    this.sync = new RosterSync({ ledger, clock, log, onOutsider: (peerId) => transport.readmit(peerId) });
    this.peers = new Peers({
      transport,
      clock,
      random,
      log,
      members: () => this.#otherMembers(),
      addresses: (peerId) => this.#hints.beside(peerId, ledger.factsOf(peerId)?.addresses ?? []),
      nameOf: (peerId) => ledger.factsOf(peerId)?.name,
      onChange: (peerId, connected) => this.#connection(peerId, connected),
    });
    this.invites = new Invites({ store: new InviteStore(database), clock, random });
    this.hearing = new FirstHearing(clock, isResumed, () => this.#otherMembers().length);
    const door = new RosterDoorway(ledger, signer, this.hearing);
    this.enrolments = new Enrolments({ transport, invites: this.invites, door, clock, random, log });
    this.router = new MeshRouter({
      nodes: () => this.nodes(),
      named: (ref) => this.named(ref),
      names: this.names,
      clock,
      calls: (peerId) => this.calls(peerId),
      local: kernel,
      version: host.version,
    });
    this.facts = new OwnFactsPublisher(ports, ledger, signer, transport, () => this.#moved());
    this.twins = new TwinWatch(clock, log, () => void this.facts.tell());
    this.discovery = this.#openDiscovery();
  }

  /**
   * @param isResumed what it knows may be older than what it said: it must hear somebody before it says more
   * @throws OperoneError `unavailable` when it cannot listen
   */
  static async start(
    ports: MeshPorts,
    membership: Membership,
    key: NodeKey,
    openTransport: OpenTransport,
    isResumed = false,
  ): Promise<ActiveMesh> {
    const signer = await signerFromSeed(key.seed);
    const store = new RosterStore(ports.database);
    const ledger = new RosterLedger({ mesh: membership.mesh, store, clock: ports.clock });
    // Links may come before the rest stands; they wait for it.
    const mesh = Promise.withResolvers<ActiveMesh>();
    const transport = await openTransport(key, {
      admit: (peerId) => admission(ledger, peerId, active),
      onLink: (link) => void mesh.promise.then((started) => started.#linked(link)),
    });
    const active: { mesh: ActiveMesh | undefined } = { mesh: undefined };
    const started = new ActiveMesh(ports, membership, signer, ledger, transport, isResumed);
    active.mesh = started;
    started.#listen();
    mesh.resolve(started);
    return started;
  }

  get meshId(): string {
    return this.#membership.mesh;
  }

  get peerId(): string {
    return this.transport.peerId;
  }

  /** All members, this one among them. */
  nodes(): readonly KnownNode[] {
    return this.ledger.roster.members().map(({ peerId }) => this.#known(peerId));
  }

  /** Those with this name or peer id. */
  named(ref: string): readonly KnownNode[] {
    const { roster } = this.ledger;
    if (roster.isMember(ref)) return [this.#known(ref)];
    const named = [...roster.memberIds()].filter((peerId) => this.#nameOf(peerId) === ref);
    return named.map((peerId) => this.#known(peerId));
  }

  #known(peerId: string): KnownNode {
    const self = peerId === this.peerId;
    const { link, roundTripMs } = this.peers.state(peerId);
    return {
      peerId,
      name: this.#nameOf(peerId),
      role: roleOf(this.ledger.roster.role(peerId)),
      labels: self ? this.#ports.labels : (this.ledger.factsOf(peerId)?.labels ?? {}),
      self,
      connected: self || link !== undefined,
      roundTripMs,
    };
  }

  #nameOf(peerId: string): string | undefined {
    return peerId === this.peerId ? this.#ports.names.name() : this.ledger.factsOf(peerId)?.name;
  }

  /** The member with the name or peer id. @throws OperoneError `not_found`, `conflict` as `NamePins.find` */
  find(ref: string): KnownNode {
    return this.names.find(this.nodes(), ref);
  }

  /** As `find`; a node that is named by its peer id has from now on the name that it tells. For the owner alone. */
  accept(ref: string): KnownNode {
    const node = this.find(ref);
    const { name, peerId } = node;
    if (ref === peerId && name !== undefined && this.named(name).length === 1)
      this.names.accept(name, peerId);
    return node;
  }

  /** What others may be on this node. */
  get cap(): RoleName {
    return this.#membership.cap;
  }

  capOf(peerId: string): RoleName {
    return this.#caps.get(peerId) ?? this.#membership.cap;
  }

  /** Whether the node has a cap of its own. */
  hasOwnCap(peerId: string): boolean {
    return this.#caps.has(peerId);
  }

  /** Of all others, or of one, which without a role has no cap of its own; it counts at once, for running calls too. */
  setCap(role: RoleName | undefined, peerId: string | undefined): void {
    const { membership } = this.#ports;
    if (peerId === undefined && role !== undefined) {
      const { mesh, joinedAtMs } = this.#membership;
      this.#membership = { mesh, joinedAtMs, cap: role };
      membership.write(this.#membership);
    } else if (peerId !== undefined) membership.setCap(peerId, role);
    this.#caps = membership.caps();
    for (const calls of this.#calls.values()) calls.rightsChanged();
  }

  calls(peerId: string): PeerCalls {
    let calls = this.#calls.get(peerId);
    if (calls === undefined) {
      const { kernel, clock, host } = this.#ports;
      calls = new PeerCalls({
        peerId,
        view: kernel,
        version: host.version,
        monotonicMs: () => clock.monotonicMs(),
        link: (signal) => this.peers.link(peerId, signal),
        sender: () => this.#sender(peerId),
      });
      this.#calls.set(peerId, calls);
    }
    return calls;
  }

  /** A call of this node itself, about itself: with no more rights than its role over there. @throws OperoneError */
  async ownCall(peerId: string, operation: string, signal: AbortSignal): Promise<unknown> {
    const caller = { kind: "owner", id: "owner", name: "owner" } as const;
    const sets = [{ holder: "owner", owner: true, grants: [] }];
    const claims = claimsFor(
      { peerId, names: new Set([peerId]) },
      { caller, sets },
      this.#ports.host.version,
    );
    const answer = await this.calls(peerId).call(operation, {}, { signal, claims });
    return answer.gives === "value" ? answer.value : undefined;
  }

  async stop(): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) close();
    this.twins.stop();
    this.facts.stop();
    void this.discovery?.then((discovery) => discovery.stop());
    this.peers.stop();
    this.sync.stop();
    await this.transport.stop();
  }

  #listen(): void {
    const { clock } = this.#ports;
    this.transport.handle(protocols.roster, {
      channelsPerPeerMax: channelsMax.roster,
      handle: (channel, link) => this.sync.serve(channel, link),
    });
    this.transport.handle(protocols.ping, {
      channelsPerPeerMax: channelsMax.ping,
      handle: (channel) => void answerPings(channel, clock),
    });
    this.transport.handle(protocols.rpc, {
      channelsPerPeerMax: channelsMax.rpc,
      handle: (channel, link) => void this.calls(link.peerId).serve(channel),
    });
    this.transport.handle(protocols.enroll, {
      channelsPerPeerMax: 1,
      handle: (channel, link) => void this.enrolments.handle(channel, link),
    });
    this.#closers.push(this.ledger.onChange((change) => this.#changed(change)));
    this.facts.start();
    this.peers.update();
    this.#look();
  }

  #openDiscovery(): Promise<Discovery> | undefined {
    const { clock, random, log, openDiscovery } = this.#ports;
    const isAway = (peerId: string) => this.peers.state(peerId).link === undefined;
    return openDiscovery?.({
      peerId: this.peerId,
      clock,
      random,
      log,
      hints: this.#hints,
      addresses: () => this.transport.addresses(),
      isAway: (peerId) => peerId !== this.peerId && this.ledger.roster.isMember(peerId) && isAway(peerId),
      isAnybodyAway: () => this.peers.wanted().some(isAway),
      onHint: (peerId, isNew) => this.peers.hinted(peerId, isNew),
    });
  }

  #look(): void {
    void this.discovery?.then((discovery) => discovery.look());
  }

  #moved(): void {
    this.peers.retryNow();
    this.#look();
  }

  #otherMembers(): readonly string[] {
    if (!this.ledger.roster.isMember(this.peerId)) return [];
    return this.ledger.roster.members().flatMap(({ peerId }) => (peerId === this.peerId ? [] : [peerId]));
  }

  #sender(peerId: string) {
    const role = this.ledger.roster.role(peerId);
    if (role === undefined || role === "removed") return undefined;
    return { peerId, name: this.ledger.factsOf(peerId)?.name ?? peerId, role, cap: this.capOf(peerId) };
  }

  #linked(link: Link): void {
    // It speaks nothing else; to ask it more would only break it off before the end.
    if (this.enrolments.cameToEnrol(link)) return;
    this.sync.attach(link);
    this.sync.settled(link).then(
      () => this.hearing.end(),
      () => {},
    );
    this.peers.linked(link);
  }

  #connection(peerId: string, connected: boolean): void {
    if (!connected) this.#look();
    this.news.connection(peerId, connected);
  }

  #changed({ entries, facts, source }: LedgerChange): void {
    const foreign = facts.find(({ peer }) => peer === this.peerId && source !== undefined);
    if (foreign !== undefined) this.twins.heard(foreign);
    if (entries.length > 0) this.#judgeAgain(entries.map(({ subject }) => subject));
    if (entries.length > 0 || facts.length > 0) this.peers.update();
    this.news.changed({ entries, facts });
  }

  /** Of everybody: what a removed admin had issued falls with it, and so changes nodes that no new entry is about. */
  #judgeAgain(subjects: readonly string[]): void {
    const linked = this.transport.links().map(({ peerId }) => peerId);
    for (const peerId of new Set([...subjects, ...linked])) {
      // One that is still being told of its removal: nothing else is open to it any more.
      if (!this.sync.isTakingLeave(peerId)) this.transport.readmit(peerId);
    }
    for (const [peerId, calls] of this.#calls) {
      calls.rightsChanged();
      if (!this.ledger.roster.isMember(peerId)) this.#calls.delete(peerId);
    }
  }
}

function roleOf(role: RoleName | "removed" | undefined): RoleName {
  return role === undefined || role === "removed" ? "observer" : role;
}

function admission(
  ledger: RosterLedger,
  peerId: string,
  { mesh }: { readonly mesh: ActiveMesh | undefined },
) {
  if (ledger.roster.isMember(peerId)) return "member";
  // Its key never comes back, so there is nothing that it could enrol for.
  if (ledger.roster.isRemoved(peerId)) return "refused";
  return mesh?.enrolments.admits(peerId) === true ? "enrolling" : "refused";
}
