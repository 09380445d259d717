/** The owner's own token: a file that only the owner can read. Whoever can read it may do everything. */

import { OperoneError } from "../../src/kernel/error.ts";
import { sha256, timingSafeEqual } from "../../src/kernel/hash.ts";
import type { Clock, Files, Log, Random } from "../../src/kernel/ports.ts";
import type { Identity } from "./contract.ts";
import { randomSecret } from "./ids.ts";

export const ownerPrefix = "opo_";
const ownerText = /^opo_[A-Za-z0-9_-]{43}$/;
const fileBytesMax = 1_024;
/** Running calls outlive a rotation by this much, so that the rotation's own answer still arrives. */
const rotationGraceMs = 1_000;

export interface OwnerInput {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** `owner.token` in the data directory. */
  readonly path: string;
}

export class Owner {
  readonly #use: OwnerInput;
  #token: string;
  #current = new AbortController();

  private constructor(use: OwnerInput, token: string) {
    this.#use = use;
    this.#token = token;
  }

  /** Reads the token, or makes it at the first start. @throws OperoneError `unavailable` when the file holds no token */
  static async load(use: OwnerInput): Promise<Owner> {
    const { files, path, log, random } = use;
    const bytes = await files.read(path, fileBytesMax);
    if (bytes === undefined) {
      const token = ownerPrefix + randomSecret(random);
      await files.writePrivate(path, `${token}\n`);
      return new Owner(use, token);
    }
    const token = new TextDecoder().decode(bytes).trim();
    if (!ownerText.test(token)) {
      throw new OperoneError(
        "unavailable",
        `"${path}" holds no owner token (${ownerPrefix} and 43 characters); remove the file, and the next start makes a new one`,
      );
    }
    const facts = await files.facts(path);
    if (facts !== undefined && (facts.mode & 0o077) !== 0) {
      await files.writePrivate(path, `${token}\n`);
      log.warn(
        'Other users could read the owner token; its mode is 0600 again. If that was no accident, run "operone access owner-token-rotate"',
        { path, mode: `0${facts.mode.toString(8)}` },
      );
    }
    return new Owner(use, token);
  }

  /** Undefined for anything but the present token. */
  authenticate(token: string): Identity | undefined {
    if (!timingSafeEqual(digestOf(token), digestOf(this.#token))) return undefined;
    return ownerIdentity(this.#current.signal);
  }

  /** Replaces the token. The old one is refused from now on; its running calls end a second later. */
  async rotate(): Promise<{ readonly path: string }> {
    const { files, path, random, clock } = this.#use;
    const token = ownerPrefix + randomSecret(random);
    await files.writePrivate(path, `${token}\n`);
    const old = this.#current;
    this.#token = token;
    this.#current = new AbortController();
    clock.after(rotationGraceMs, () =>
      old.abort(new OperoneError("unauthenticated", "The owner token was replaced; read the new one")),
    );
    return { path };
  }
}

export function ownerIdentity(revoked: AbortSignal): Identity {
  return {
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [{ holder: "owner", owner: true, grants: [] }],
    revoked,
  };
}

function digestOf(token: string): Uint8Array {
  return sha256().update(token).digest();
}
