/** The nodes of one test of the shared suite; they are stopped after it. */
import { protocols } from "../../modules/networking/transport.ts";
import type { TransportLimits } from "../../modules/networking/transport-limits.ts";
import type { SimulatedClock } from "../../src/kernel/simulated.ts";
import { type MakeTransport, never, Party } from "./party.ts";

const { enroll, rpc } = protocols;

export interface SuiteSubject {
  readonly make: MakeTransport;
  readonly clock: SimulatedClock;
}

export class Stage {
  readonly #subject: SuiteSubject;
  readonly #parties: Party[] = [];

  constructor(subject: SuiteSubject) {
    this.#subject = subject;
  }

  async party(seed: number, limits?: Partial<TransportLimits>): Promise<Party> {
    // Simulated time passes faster than a real answer can come: whether one does is tested beside.
    const party = await Party.start(this.#subject.make, seed, { keepaliveMs: 1e9, ...limits });
    for (const protocol of [enroll, rpc]) party.handle(protocol);
    this.#parties.push(party);
    return party;
  }

  /** Two members, of whom the first has dialled the second. */
  async pair(limits?: Partial<TransportLimits>) {
    const [a, b] = [await this.party(1, limits), await this.party(2, limits)];
    const here = await a.dial(b);
    const there = await b.announced.next();
    const open = async (protocol: typeof rpc | typeof enroll = rpc) => {
      const mine = await here.openChannel(protocol, never);
      return [mine, (await b.opened.next()).channel] as const;
    };
    return { a, b, here, there, open };
  }

  /** A member, and a peer that is enrolling there and has dialled it. */
  async enrolling(limits?: Partial<TransportLimits>) {
    const [a, b] = [await this.party(1), await this.party(2, limits)];
    b.admissions.set(a.peerId, "enrolling");
    return { a, b, here: await a.dial(b) };
  }

  async close(): Promise<void> {
    await Promise.all(this.#parties.splice(0).map(({ transport }) => transport.stop()));
  }
}
