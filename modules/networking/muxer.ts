/**
 * Yamux with three things that the library leaves open: frames are limited before they are kept, a peer is offered the
 * protocols that are for it alone, and a connection that answers nothing is ended.
 */
import {
  type CreateStreamOptions,
  type MessageStream,
  type Stream,
  type StreamMuxer,
  type StreamMuxerEvents,
  type StreamMuxerFactory,
  type StreamMuxerStatus,
  TypedEventEmitter,
} from "@libp2p/interface";
import { handle } from "@libp2p/multistream-select";
import { yamux } from "@libp2p/yamux";
import type { Clock } from "../../src/kernel/ports.ts";
import { FrameGuard } from "./frame-guard.ts";
import type { LinkTable } from "./link-table.ts";
import { deadline } from "./time-limit.ts";
import type { TransportLimits } from "./transport-limits.ts";

/**
 * What may be on its way in a stream. Yamux begins with it; growing it starves calls beside bulk (p99 166 ms instead
 * of 7) and lets a slow reader hold more.
 */
const windowBytes = 256 * 1024;

export interface MuxerInput {
  readonly table: LinkTable;
  readonly clock: Clock;
  readonly limits: TransportLimits;
  /** The peer at the other end of an encrypted connection. */
  peerOf(connection: MessageStream): string | undefined;
}

type Listening = Parameters<TypedEventEmitter<StreamMuxerEvents>["addEventListener"]>;
type Yamux = ReturnType<ReturnType<ReturnType<typeof yamux>>["createStreamMuxer"]>;

export function guardedYamux(use: MuxerInput): () => StreamMuxerFactory {
  const factory = yamux({
    // Ours below ends the connection; the library's only logs.
    enableKeepAlive: false,
    maxInboundStreams: use.limits.streamsPerConnectionMax,
    maxOutboundStreams: use.limits.streamsPerConnectionMax,
    streamOptions: { maxStreamWindowSize: windowBytes },
  })();
  return () => ({
    protocol: factory.protocol,
    createStreamMuxer(connection) {
      guardFrames(connection, use);
      return new GuardedMuxer(connection, factory.createStreamMuxer(connection), use);
    },
  });
}

/** Listens before the library does, so that a bad frame ends the connection before its bytes are kept. */
function guardFrames(connection: MessageStream, { table, limits, peerOf }: MuxerInput): void {
  const everything = { bytesMax: Number.POSITIVE_INFINITY, streamsMax: Number.POSITIVE_INFINITY };
  const little = { bytesMax: limits.enrollingBytesMax, streamsMax: limits.enrollingStreamsMax };
  const proven = { bytesMax: limits.provenBytesMax, streamsMax: limits.enrollingStreamsMax };
  const peerId = peerOf(connection) ?? "";
  const allowance = () => {
    if (table.admission(peerId) === "member") return everything;
    return table.hasProven(peerId) ? proven : little;
  };
  const guard = new FrameGuard({
    frameBytesMax: windowBytes,
    allowance,
  });
  connection.addEventListener("message", ({ data }) => {
    const found = guard.inspect(data);
    if (found !== undefined) connection.abort(new Error(found));
  });
}

class GuardedMuxer extends TypedEventEmitter<StreamMuxerEvents> implements StreamMuxer {
  readonly protocol: string;
  readonly #connection: MessageStream;
  readonly #yamux: Yamux;
  readonly #use: MuxerInput;
  /** The library listens some turns after it made the muxer; streams that came before wait for it. */
  readonly #listening = Promise.withResolvers<void>();
  #cancelQuestion: (() => void) | undefined;

  constructor(connection: MessageStream, muxer: Yamux, use: MuxerInput) {
    super();
    this.protocol = muxer.protocol;
    this.#connection = connection;
    this.#yamux = muxer;
    this.#use = use;
    muxer.addEventListener("stream", ({ detail }) => void this.#negotiate(detail));
    connection.addEventListener("close", () => this.#cancelQuestion?.());
    this.#askLater();
  }

  get streams(): Stream[] {
    return this.#yamux.streams;
  }

  get status(): StreamMuxerStatus {
    return this.#yamux.status;
  }

  createStream(options?: CreateStreamOptions): Promise<Stream> {
    return this.#yamux.createStream(options);
  }

  abort(error: Error): void {
    this.#yamux.abort(error);
  }

  close(options?: { signal?: AbortSignal }): Promise<void> {
    return this.#yamux.close(options);
  }

  override addEventListener(...listening: Listening): void {
    super.addEventListener(...listening);
    if (listening[0] === "stream") this.#listening.resolve();
  }

  /** The library would offer every protocol to everyone; a stream that has its protocol already it takes as it is. */
  async #negotiate(stream: Stream): Promise<void> {
    const { table, clock, limits, peerOf } = this.#use;
    const limit = deadline(clock, limits.negotiationTimeoutMs);
    try {
      await this.#listening.promise;
      const allowed = table.allowed(peerOf(this.#connection) ?? "");
      stream.protocol = await handle(stream, [...allowed], { signal: limit.signal });
      this.safeDispatchEvent("stream", { detail: stream });
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error("The stream named no protocol"));
    } finally {
      limit.done();
    }
  }

  #askLater(): void {
    if (this.#connection.status !== "open") return;
    this.#cancelQuestion = this.#use.clock.after(this.#use.limits.keepaliveMs, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const { clock, limits } = this.#use;
    const limit = deadline(clock, limits.answerTimeoutMs);
    // The limit is not shared with the wait below: a connection that has closed must not keep it.
    this.#cancelQuestion = limit.done;
    try {
      await this.#yamux.ping({ signal: limit.signal });
      this.#askLater();
    } catch (error) {
      this.#connection.abort(error instanceof Error ? error : new Error("The peer does not answer"));
    } finally {
      limit.done();
    }
  }
}
