/** The two directions of calls with one other node: `/operone/rpc/1` over the links that there are. */
import type { Answer } from "../../src/kernel/call.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import type { ClientCallOptions, OperationClient } from "../../src/surface/client.ts";
import type { MeshIdentity } from "../../src/surface/mesh-call.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import { meshClient } from "../../src/surface/mesh-client.ts";
import { type MeshServer, meshServer } from "../../src/surface/mesh-server.ts";
import { judged, readClaims, type Sender } from "./claims.ts";
import { type Link, protocols } from "./transport.ts";

export interface PeerCallsOptions {
  readonly peerId: string;
  readonly view: KernelView;
  readonly version: string;
  monotonicMs(): number;
  /** A link to the peer, made if there is none. @throws OperoneError `unavailable` with the reason */
  link(signal: AbortSignal): Promise<Link>;
  /** The peer as this node knows it now; undefined when it is no member (any more). */
  sender(): Sender | undefined;
}

/** Of opening a channel, each over another link. */
const attemptsMax = 3;
/** For a link that is ending to say so. */
const endingMsMax = 250;

export class PeerCalls implements OperationClient {
  readonly #use: PeerCallsOptions;
  readonly #client: OperationClient;
  readonly #server: MeshServer;
  #rights = new AbortController();
  #rightsText: string;
  #peerVersion = "an unknown version";

  constructor(use: PeerCallsOptions) {
    this.#use = use;
    const { view } = use;
    this.#rightsText = this.#rightsNow();
    this.#client = meshClient({
      table: view.table,
      openChannel: (signal) => this.#openChannel(signal),
    });
    this.#server = meshServer({
      view: { table: view.table, call: (call) => this.#local(call) },
      identityOf: (claims) => this.#identityOf(claims),
      monotonicMs: use.monotonicMs,
    });
  }

  /** @throws OperoneError of the other node, or of the way there */
  call(operation: string, input: unknown, options: ClientCallOptions = {}): Promise<Answer> {
    return this.#client.call(operation, input, options);
  }

  /**
   * A link that ends before the channel is open has carried nothing yet, so another one may be tried. The channel may
   * learn of the end before the link says that it is closed.
   */
  async #openChannel(signal: AbortSignal): Promise<MeshChannel> {
    for (let attempt = 1; ; attempt += 1) {
      const link = await this.#use.link(signal);
      try {
        return await link.openChannel(protocols.rpc, signal);
      } catch (error) {
        const isGone = error instanceof OperoneError && error.code === "unavailable";
        if (!isGone || signal.aborted || attempt === attemptsMax) throw error;
        await closedOr(link.closed, endingMsMax);
      }
    }
  }

  /** Resolves when there is a link. */
  async reach(signal: AbortSignal): Promise<void> {
    await this.#use.link(signal);
  }

  /** A channel that the peer opened. Resolves when it is done; never rejects. */
  serve(channel: MeshChannel): Promise<void> {
    return this.#server.serve(channel);
  }

  /** Ends the peer's running calls here when its rights are not what they were when these began. */
  rightsChanged(): void {
    const text = this.#rightsNow();
    if (text === this.#rightsText) return;
    this.#rightsText = text;
    const old = this.#rights;
    this.#rights = new AbortController();
    old.abort(
      new OperoneError(
        "forbidden",
        "The rights of the calling node on this node changed, so its call was ended",
      ),
    );
  }

  #rightsNow(): string {
    const sender = this.#use.sender();
    return sender === undefined ? "none" : `${sender.role} ${sender.cap}`;
  }

  #identityOf(value: unknown): MeshIdentity {
    const { peerId, view } = this.#use;
    const sender = this.#use.sender();
    if (sender === undefined) {
      throw new OperoneError("forbidden", `The node ${peerId} is no member of this mesh`);
    }
    const claims = readClaims(value);
    this.#peerVersion = `version ${claims.version}`;
    const { caller, sets } = judged(claims, sender, view.permissions);
    return { caller, sets, hops: claims.hops, sharedBy: `mesh ${peerId}`, signal: this.#rights.signal };
  }

  /** A verb that this version does not have is told apart from a thing that is not there. */
  #local: KernelView["call"] = async (call) => {
    const { view, version } = this.#use;
    if (view.table.get(call.operation)?.surfaces.includes("mesh") === true) return await view.call(call);
    throw new OperoneError(
      "unsupported",
      `The node that was asked runs operone version ${version}, which offers no "${call.operation.slice(0, 100)}" to other nodes; the asking node runs ${this.#peerVersion}. Bring the older one up to date`,
    );
  };
}

/** Resolves when the link is closed, or after that time. */
async function closedOr(closed: AbortSignal, timeMs: number): Promise<void> {
  if (closed.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onClosed = () => resolve();
  closed.addEventListener("abort", onClosed, { once: true });
  const timer = setTimeout(resolve, timeMs);
  await promise;
  clearTimeout(timer);
  closed.removeEventListener("abort", onClosed);
}
