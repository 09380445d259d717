/**
 * libp2p's TLS 1.3 (github.com/libp2p/specs, tls/tls.md) on Bun. The library's own encrypter gives the socket both
 * ALPNProtocols and ALPNCallback, which Bun refuses; this one gives the list alone and takes all else from the library.
 * It speaks with the unmodified one in both directions.
 */
// First: what follows needs it while it is loaded.
import "./reflection.ts";
import { connect, TLSSocket, type TLSSocketOptions } from "node:tls";
import type {
  ConnectionEncrypter,
  MessageStream,
  SecureConnectionOptions,
  SecuredConnection,
  StreamMuxerFactory,
} from "@libp2p/interface";
import { PROTOCOL, type TLSComponents } from "@libp2p/tls";
import { generateCertificate, toMessageStream, toNodeDuplex, verifyPeerCertificate } from "@libp2p/tls/utils";

type Certificate = Awaited<ReturnType<typeof generateCertificate>>;

export function tls(): (components: TLSComponents) => ConnectionEncrypter {
  return (components) => new Tls(components);
}

class Tls implements ConnectionEncrypter {
  readonly protocol = PROTOCOL;
  readonly #components: TLSComponents;
  /** One for all connections, as go-libp2p does: making it costs more than the rest of the handshake. */
  #certificate: Promise<Certificate> | undefined;

  constructor(components: TLSComponents) {
    this.#components = components;
  }

  secureInbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    return this.#secure(connection, true, options);
  }

  secureOutbound(connection: MessageStream, options?: SecureConnectionOptions): Promise<SecuredConnection> {
    return this.#secure(connection, false, options);
  }

  async #secure(
    connection: MessageStream,
    isServer: boolean,
    options: SecureConnectionOptions = {},
  ): Promise<SecuredConnection> {
    const muxers =
      options.skipStreamMuxerNegotiation === true
        ? new Map<string, StreamMuxerFactory>()
        : this.#components.upgrader.getStreamMuxers();
    this.#certificate ??= generateCertificate(this.#components.privateKey);
    const settings: TLSSocketOptions = {
      ...(await this.#certificate),
      isServer,
      requestCert: true,
      minVersion: "TLSv1.3",
      maxVersion: "TLSv1.3",
      // The certificate is its own; what counts is the signature by the peer's key inside, verified below.
      rejectUnauthorized: false,
      ALPNProtocols: [...muxers.keys(), "libp2p"],
    };
    const duplex = toNodeDuplex(connection);
    const socket = isServer ? new TLSSocket(duplex, settings) : connect({ socket: duplex, ...settings });
    duplex.on("error", (error) => socket.destroy(error));
    const certificate = await handshake(socket, connection, options.signal);
    // From here on the certificate alone decides. A peer that refuses us closes now, and that must not look like a
    // failed handshake: who it is was proven.
    const remotePeer = await verifyPeerCertificate(certificate, options.remotePeer).catch((error) => {
      connection.abort(error);
      throw error;
    });
    const streamMuxer = muxers.get(String(socket.alpnProtocol));
    const secured = { remotePeer, connection: toMessageStream(connection, socket) };
    return streamMuxer === undefined ? secured : { ...secured, streamMuxer };
  }
}

/** @returns the peer's certificate, DER */
function handshake(
  socket: TLSSocket,
  connection: MessageStream,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      signal?.removeEventListener("abort", late);
      socket.destroy();
      if (connection.status === "open") connection.abort(error);
      reject(error);
    };
    const late = () => fail(new Error("The TLS handshake took too long"));
    const early = () => fail(new Error("The peer closed the connection during the TLS handshake"));
    const secure = () => {
      signal?.removeEventListener("abort", late);
      socket.removeListener("close", early);
      const { raw } = socket.getPeerCertificate();
      if (raw === undefined) fail(new Error("The peer sent no certificate"));
      else resolve(raw);
    };
    // It stays for the life of the socket: an error without a listener would end the process.
    socket.on("error", fail);
    socket.once("close", early);
    // Bun tells the server by the first and the client by the second.
    socket.once("secure", secure);
    socket.once("secureConnect", secure);
    signal?.addEventListener("abort", late, { once: true });
    if (signal?.aborted) late();
  });
}
