/** The environment of one command. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Secrets } from "../access/contract.ts";
import type { CommandInput } from "./shapes.ts";

export interface CommandVariables {
  readonly environment: Readonly<Record<string, string>>;
  /** The values of the secrets among them, by the names of these. */
  readonly secrets: Readonly<Record<string, string>>;
}

/**
 * The clean environment, the caller's variables on top, then the secrets.
 *
 * @throws OperoneError `forbidden`, `not_found` for a secret; `invalid_input` for one that no variable can hold
 */
export async function environmentOf(
  { environment, secrets }: Pick<CommandInput, "environment" | "secrets">,
  clean: Readonly<Record<string, string>>,
  store: Secrets,
  { authority }: Pick<CallContext, "authority">,
): Promise<CommandVariables> {
  const revealed: Record<string, string> = {};
  const values: Record<string, string> = {};
  for (const [variable, name] of Object.entries(secrets)) {
    if (Object.hasOwn(environment, variable)) {
      throw new OperoneError(
        "invalid_input",
        `The variable "${variable}" is set both by a value and by a secret; choose one`,
      );
    }
    const value = textOf(await store.reveal(name, authority), name);
    revealed[variable] = value;
    values[name] = value;
  }
  return { environment: { ...clean, ...environment, ...revealed }, secrets: values };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array, name: string): string {
  try {
    const text = decoder.decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // The same answer as below, and no word of what the secret holds.
  }
  throw new OperoneError(
    "invalid_input",
    `The secret "${name}" is no text that a variable can hold (UTF-8 without NUL bytes); store it as text, for example in base64`,
  );
}
