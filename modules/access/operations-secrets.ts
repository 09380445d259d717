/** Secrets go in and are never shown again: only a module that was granted a name gets its value. */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import { moment, table } from "../../src/kernel/plain-text.ts";
import { limits } from "./limits.ts";
import { SecretName, SecretOut } from "./shapes.ts";
import type { AccessState } from "./state.ts";

const op = operationsOf<AccessState>("access");
const needs = ["access.admin"];
const name = v.pipe(SecretName, v.description("For example deploy/key"));

const secretSet = op({
  name: "secret-set",
  summary: "Store a secret under a name",
  description:
    "The value comes as bytes, by standard input or as the body, so that it stands in no process list.",
  effect: "write",
  needs,
  takes: "bytes",
  input: v.strictObject({
    name,
    trim: v.optional(
      v.pipe(v.boolean(), v.description("Leave out one line break at the end, as echo writes it")),
      false,
    ),
  }),
  output: SecretOut,
  errors: ["limited", "too_large"],
  cli: { positional: ["name"], alias: ["secret set"] },
  async run(access, { name, trim }, { bytes }) {
    const value = await collected(name, bytes);
    return (await access).secrets.set(name, trim ? withoutLineBreak(value) : value);
  },
});

const secretList = op({
  name: "secret-list",
  summary: "List the names of the secrets, and who holds their key",
  effect: "read",
  needs,
  input: v.strictObject({}),
  output: v.strictObject({
    secrets: v.array(SecretOut),
    keyHolder: v.picklist(["file", "keyring", "none"]),
  }),
  cli: {
    alias: ["secrets", "secret list"],
    render: ({ secrets }) =>
      table([["NAME", "SET"], ...secrets.map((one) => [one.name, moment(one.updatedAtMs)])]),
  },
  examples: [{ input: {} }],
  run: async (access) => (await access).secrets.list(),
});

const secretRemove = op({
  name: "secret-remove",
  summary: "Remove a secret",
  effect: "destroy",
  needs,
  input: v.strictObject({ name }),
  output: v.strictObject({ name: v.string() }),
  errors: ["not_found"],
  cli: { positional: ["name"], alias: ["secret remove"] },
  async run(access, { name }) {
    (await access).secrets.remove(name);
    return { name };
  },
});

/** @throws OperoneError `too_large`, and `invalid_input` when there is nothing */
async function collected(name: string, bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > limits.secretBytesMax) {
      throw new OperoneError(
        "too_large",
        `The secret "${name}" has more than ${limits.secretBytesMax} bytes, which are the most`,
      );
    }
    chunks.push(chunk);
  }
  if (size > 0) return Buffer.concat(chunks);
  throw new OperoneError(
    "invalid_input",
    `The secret "${name}" came without a value; write it to standard input (printf %s "$VALUE" | operone secret set ${name})`,
  );
}

function withoutLineBreak(value: Uint8Array): Uint8Array {
  if (value.at(-1) !== 10) return value;
  return value.subarray(0, value.at(-2) === 13 ? -2 : -1);
}

export const secretOperations = [secretSet, secretList, secretRemove];
