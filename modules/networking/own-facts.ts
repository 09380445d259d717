/** Tells the mesh about this node: its name, and where it listens now. */
import type { Clock, Host, Log, NodeNames } from "../../src/kernel/ports.ts";
import type { OwnFacts } from "./facts.ts";
import type { RosterLedger } from "./roster-ledger.ts";
import { rosterLimits } from "./roster-limits.ts";
import type { Signer } from "./signed-record.ts";
import type { Transport } from "./transport.ts";

export interface OwnFactsPorts {
  readonly clock: Clock;
  readonly host: Host;
  readonly log: Log;
  readonly names: NodeNames;
  readonly labels: Readonly<Record<string, string>>;
  readonly announce: readonly string[];
  auditHead(): Promise<{ readonly seq: number; readonly hash: string } | undefined>;
}

/** How soon a new address of this machine is seen. */
const lookEveryMs = 3_000;
/** How often the audit's head is told when nothing else changes. */
const tellEveryMs = 10 * 60_000;

export class OwnFactsPublisher {
  readonly #ports: OwnFactsPorts;
  readonly #ledger: RosterLedger;
  readonly #signer: Signer;
  readonly #transport: Pick<Transport, "addresses">;
  readonly #onMoved: () => void;
  #addresses = "";
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #stopTimer = () => {};
  #stopped = false;

  /** @param onMoved called when this machine's addresses are not what they were */
  constructor(
    ports: OwnFactsPorts,
    ledger: RosterLedger,
    signer: Signer,
    transport: Pick<Transport, "addresses">,
    onMoved: () => void,
  ) {
    this.#ports = ports;
    this.#ledger = ledger;
    this.#signer = signer;
    this.#transport = transport;
    this.#onMoved = onMoved;
  }

  start(): void {
    void this.tell();
    this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopTimer();
  }

  /** Signs and spreads them, when they say something new. Never rejects. */
  async tell(): Promise<void> {
    const { clock, log } = this.#ports;
    this.#addresses = this.#transport.addresses().join(" ");
    this.#toldAtMs = clock.monotonicMs();
    try {
      if (!this.#ledger.roster.isMember(this.#signer.peerId)) return;
      const own = await this.#own();
      const last = this.#ledger.factsOf(this.#signer.peerId);
      if (last === undefined || !saysTheSame(own, last)) await this.#ledger.publish(this.#signer, own);
    } catch (error) {
      log.error("What this node is could not be told to the others", { error: String(error) });
    }
  }

  async #own(): Promise<OwnFacts> {
    const { host, names, labels, announce } = this.#ports;
    const audit = await this.#ports.auditHead();
    const addresses = [...new Set([...announce, ...this.#transport.addresses()])];
    return {
      name: names.name(),
      version: host.version,
      os: host.os,
      cpu: host.cpu,
      addresses: addresses.slice(0, rosterLimits.factAddressesMax),
      labels: { ...labels },
      ...(audit === undefined ? {} : { audit }),
    };
  }

  #look(): void {
    this.#stopTimer = this.#ports.clock.after(lookEveryMs, () => {
      if (this.#stopped) return;
      const moved = this.#transport.addresses().join(" ") !== this.#addresses;
      if (moved) this.#onMoved();
      if (moved || this.#ports.clock.monotonicMs() - this.#toldAtMs >= tellEveryMs) void this.tell();
      this.#look();
    });
  }
}

function saysTheSame(own: OwnFacts, last: OwnFacts): boolean {
  const text = ({ name, version, os, cpu, addresses, labels, audit }: OwnFacts) =>
    JSON.stringify([name, version, os, cpu, addresses, labels, audit?.seq, audit?.hash]);
  return text(own) === text(last);
}
