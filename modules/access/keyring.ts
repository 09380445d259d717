/** The operating system's keyring: libsecret, Keychain or Credential Manager, through Bun. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";

export interface Keyring {
  /** Undefined when it holds nothing under this name. @throws OperoneError `unavailable` */
  get(name: string): Promise<string | undefined>;
  /** @throws OperoneError `unavailable` */
  set(name: string, value: string): Promise<void>;
  /** @throws OperoneError `unavailable` */
  remove(name: string): Promise<void>;
}

/** A locked keyring asks the person at the screen; on a machine without one nobody would ever answer. */
const answerTimeoutMs = 10_000;
const service = "operone";

export function systemKeyring(clock: Clock): Keyring {
  return {
    async get(name) {
      const value = await answered(clock, () => Bun.secrets.get({ service, name }));
      return value ?? undefined;
    },
    set: (name, value) =>
      // On Windows only this machine: a roaming profile would carry the key to others.
      answered(clock, () => Bun.secrets.set({ service, name, value, persist: "local" })),
    async remove(name) {
      await answered(clock, () => Bun.secrets.delete({ service, name }));
    },
  };
}

async function answered<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  let stop = () => {};
  const silence = new Promise<never>((_, reject) => {
    stop = clock.after(answerTimeoutMs, () => reject(new Error(`no answer within ${answerTimeoutMs} ms`)));
  });
  try {
    return await Promise.race([ask(), silence]);
  } catch (error) {
    throw new OperoneError(
      "unavailable",
      `The keyring of this system did not work (${error instanceof Error ? error.message : String(error)}); unlock it and try again, or set access.keyring = "file"`,
      undefined,
      { cause: error },
    );
  } finally {
    stop();
  }
}
