/** Secrets by name. They go in through the owner and come out only inside the node, to a caller who may use them. */
import type { Authority } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Random } from "../../src/kernel/ports.ts";
import type { Secrets } from "./contract.ts";
import { limits } from "./limits.ts";
import type { SecretKey } from "./secret-key.ts";
import type { SecretStore } from "./secret-store.ts";
import type { SecretOut } from "./shapes.ts";

/** NIST SP 800-38D: 96 bits, never used twice under one key; random ones are safe below 2^32 uses. */
const nonceBytes = 12;

export interface SecretBoxInput {
  readonly store: SecretStore;
  readonly key: Pick<SecretKey, "get" | "forget" | "holder">;
  readonly clock: Clock;
  readonly random: Random;
}

export class SecretBox implements Secrets {
  readonly #use: SecretBoxInput;

  constructor(use: SecretBoxInput) {
    this.#use = use;
  }

  /** @throws OperoneError `limited`, `unavailable` when the key is lost */
  async set(name: string, value: Uint8Array): Promise<SecretOut> {
    const { store, key, clock, random } = this.#use;
    if (store.byName(name) === undefined && store.count() >= limits.secretsMax) {
      throw new OperoneError(
        "limited",
        `There are ${limits.secretsMax} secrets, which is the most; remove one that is not needed`,
      );
    }
    const nonce = random.bytes(nonceBytes);
    const sealed = await crypto.subtle.encrypt(boundTo(name, nonce), await key.get(), new Uint8Array(value));
    const nowMs = clock.nowMs();
    const createdAtMs = store.byName(name)?.createdAtMs ?? nowMs;
    const row = {
      name,
      nonce: Buffer.from(nonce),
      sealed: Buffer.from(sealed),
      createdAtMs,
      updatedAtMs: nowMs,
    };
    store.put(row);
    return { name, createdAtMs, updatedAtMs: nowMs };
  }

  list(): { readonly secrets: SecretOut[]; readonly keyHolder: "file" | "keyring" | "none" } {
    const { store, key } = this.#use;
    return { secrets: store.names().map((row) => ({ ...row })), keyHolder: key.holder ?? "none" };
  }

  /** Works without the key. @throws OperoneError `not_found` */
  remove(name: string): void {
    const { store, key } = this.#use;
    if (!store.remove(name)) throw unknown(name);
    if (store.count() === 0) key.forget();
  }

  async reveal(name: string, authority: Authority): Promise<Uint8Array> {
    // First of all, so that nobody learns which names exist.
    authority.check("access.secret.use", { name });
    const { store, key } = this.#use;
    const row = store.byName(name);
    if (row === undefined) throw unknown(name);
    const opener = await key.get();
    try {
      return new Uint8Array(
        await crypto.subtle.decrypt(boundTo(name, row.nonce), opener, new Uint8Array(row.sealed)),
      );
    } catch {
      throw new OperoneError(
        "unavailable",
        `The secret "${name}" was changed on the disk and cannot be opened; set it again`,
      );
    }
  }
}

/** The name is authenticated with the value: a row that was copied under another name does not open. */
function boundTo(name: string, nonce: Uint8Array) {
  const additionalData = new TextEncoder().encode(`operone secret 1\n${name}`);
  return { name: "AES-GCM", iv: new Uint8Array(nonce), additionalData };
}

function unknown(name: string): OperoneError {
  return new OperoneError(
    "not_found",
    `There is no secret "${name}"; "operone access secret-list" shows the names`,
  );
}
