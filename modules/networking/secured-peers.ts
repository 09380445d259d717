import type { ConnectionEncrypter, MessageStream, SecuredConnection } from "@libp2p/interface";

/** Remembers whose key was proven for each encrypted connection; the muxer is given the connection alone. */
export class SecuredPeers {
  readonly #peers = new WeakMap<MessageStream, string>();

  peerOf(connection: MessageStream): string | undefined {
    return this.#peers.get(connection);
  }

  watch<Components>(
    make: (components: Components) => ConnectionEncrypter,
  ): (components: Components) => ConnectionEncrypter {
    return (components) => {
      const encrypter = make(components);
      return {
        protocol: encrypter.protocol,
        secureInbound: async (...given) => this.#remember(await encrypter.secureInbound(...given)),
        secureOutbound: async (...given) => this.#remember(await encrypter.secureOutbound(...given)),
      };
    };
  }

  #remember(secured: SecuredConnection): SecuredConnection {
    this.#peers.set(secured.connection, secured.remotePeer.toString());
    return secured;
  }
}
