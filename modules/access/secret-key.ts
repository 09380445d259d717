/**
 * The key of the secrets, and who holds it: a file in the data directory or the system's keyring.
 *
 * `auto` leaves a key where it is and puts a new one into the file: copying the data directory then moves the node
 * with its secrets, and a node that starts before anyone has logged in can use them. The file keeps the values out
 * of a stray copy of the database; it does not protect them from whoever can read the whole directory. `required`
 * does, by the keyring, and gives up the other two. `file` and `required` move a key that lies elsewhere.
 */

import { OperoneError } from "../../src/kernel/error.ts";
import { sha256 } from "../../src/kernel/hash.ts";
import type { Clock, Files, Log, Random } from "../../src/kernel/ports.ts";
import { randomId } from "./ids.ts";
import type { Keyring } from "./keyring.ts";
import type { KeyRecord, SecretStore } from "./secret-store.ts";

export type KeyringMode = "auto" | "file" | "required";
type Holder = KeyRecord["holder"];

export interface SecretKeyInput {
  readonly store: SecretStore;
  readonly keyring: Keyring;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly mode: KeyringMode;
  /** `access/secrets.key` in the data directory. */
  readonly path: string;
}

const keyBytes = 32;
const keyIdLength = 16;
const fileBytesMax = 1_024;

export class SecretKey {
  readonly #use: SecretKeyInput;
  #loading: Promise<CryptoKey> | undefined;

  constructor(use: SecretKeyInput) {
    this.#use = use;
  }

  /** Who holds the key; undefined before there is one. */
  get holder(): Holder | undefined {
    return this.#use.store.key()?.holder;
  }

  /** The key, made when there is none and nothing was sealed yet. @throws OperoneError `unavailable` when it is lost */
  get(): Promise<CryptoKey> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      // The owner can mend what is wrong while the node runs, so the next call looks again.
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  /** After the last secret was removed, a lost key is of no more use, and a new one may be made. */
  forget(): void {
    this.#loading = undefined;
  }

  async #load(): Promise<CryptoKey> {
    const { store } = this.#use;
    const record = store.key();
    if (record === undefined) return imported(await this.#make());
    const found = await this.#read(record.holder, record.keyId);
    if (found === undefined || fingerprintOf(found) !== record.fingerprint) {
      if (store.count() === 0) return imported(await this.#make());
      throw lost(record, found !== undefined, this.#use.path);
    }
    const wanted = this.#wanted(record.holder);
    if (wanted !== record.holder) await this.#move(record, found, wanted);
    return imported(found);
  }

  #wanted(present: Holder | undefined): Holder {
    const { mode } = this.#use;
    if (mode === "auto") return present ?? "file";
    return mode === "required" ? "keyring" : "file";
  }

  async #make(): Promise<Uint8Array> {
    const { random, store, clock } = this.#use;
    const key = random.bytes(keyBytes);
    const keyId = randomId(random, keyIdLength);
    const holder = this.#wanted(undefined);
    await this.#write(holder, keyId, key);
    store.putKey({ keyId, holder, fingerprint: fingerprintOf(key), createdAtMs: clock.nowMs() });
    return key;
  }

  /** Written there and recorded before it goes here, so that a crash in between loses nothing. */
  async #move(record: KeyRecord, key: Uint8Array, holder: Holder): Promise<void> {
    const { store, log, keyring, files, path } = this.#use;
    await this.#write(holder, record.keyId, key);
    store.putKey({ ...record, holder });
    if (record.holder === "file") await files.remove(path);
    else await keyring.remove(entryName(record.keyId));
    log.info("The key of the secrets was moved", { from: record.holder, to: holder });
  }

  async #read(holder: Holder, keyId: string): Promise<Uint8Array | undefined> {
    const { keyring, files, path } = this.#use;
    const stored =
      holder === "keyring" ? await keyring.get(entryName(keyId)) : await files.read(path, fileBytesMax);
    if (stored === undefined) return undefined;
    const text = typeof stored === "string" ? stored : new TextDecoder().decode(stored);
    return new Uint8Array(Buffer.from(text.trim(), "base64url"));
  }

  async #write(holder: Holder, keyId: string, key: Uint8Array): Promise<void> {
    const { keyring, files, path } = this.#use;
    const text = Buffer.from(key).toString("base64url");
    if (holder === "keyring") await keyring.set(entryName(keyId), text);
    else await files.writePrivate(path, `${text}\n`);
  }
}

/** One entry a node: several nodes of one person share a keyring. */
function entryName(keyId: string): string {
  return `secrets-${keyId}`;
}

function fingerprintOf(key: Uint8Array): string {
  return sha256().update("operone secrets key").update(key).digest("hex").slice(0, 16);
}

function imported(key: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", new Uint8Array(key), "AES-GCM", false, ["encrypt", "decrypt"]);
}

function lost({ holder }: KeyRecord, other: boolean, path: string): OperoneError {
  const where = holder === "file" ? `"${path}"` : "The keyring of this system";
  const what = other ? "holds another key than the one" : "does not hold the key";
  return new OperoneError(
    "unavailable",
    `${where} ${what} that sealed the stored secrets. Restore it (a backup of the data directory has the file; a keyring stays on its machine), or remove the secrets with "operone access secret-remove" and set them again`,
  );
}
