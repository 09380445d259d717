/** From the arguments of a tool call to a call of the operation. */
import { Buffer } from "node:buffer";
import { OperoneError } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";
import type { FrontArgument, FrontTool } from "./mcp-front.ts";
import { bytesArguments, isRouted } from "./mcp-schema.ts";

export interface ToolInput {
  readonly input: Readonly<Record<string, unknown>>;
  readonly node?: string;
  readonly bytes?: AsyncIterable<Uint8Array>;
}

type Given = Readonly<Record<string, unknown>>;

/** @throws OperoneError `invalid_input` */
export function toolInput(operation: Operation, given: Given): ToolInput {
  const { node, ...rest } = isRouted(operation) ? given : { ...given, node: undefined };
  if (!isRouted(operation) && given.node !== undefined) {
    throw new OperoneError(
      "invalid_input",
      `"${operation.id}" runs on the node that is asked and nowhere else; leave node out`,
    );
  }
  if (node !== undefined && (typeof node !== "string" || node === "")) {
    throw new OperoneError(
      "invalid_input",
      `node is ${JSON.stringify(node)?.slice(0, 100)}, and must be a node's name; leave it out for the node that is asked`,
    );
  }
  const bytes = operation.takes === "bytes" ? bytesIn(operation, rest) : undefined;
  const input = bytes === undefined ? rest : withoutBytes(rest);
  return { input, ...(node === undefined ? {} : { node }), ...(bytes === undefined ? {} : { bytes }) };
}

function withoutBytes(given: Given): Given {
  return Object.fromEntries(
    Object.entries(given).filter(([name]) => !bytesArguments.some((known) => known === name)),
  );
}

function bytesIn({ id }: Operation, { bodyText, bodyBase64 }: Given): AsyncIterable<Uint8Array> | undefined {
  if (bodyText === undefined && bodyBase64 === undefined) return undefined;
  if (bodyText !== undefined && bodyBase64 !== undefined)
    throw new OperoneError("invalid_input", `"${id}" was given bodyText and bodyBase64; give one of them`);
  const text = bodyText ?? bodyBase64;
  if (typeof text !== "string")
    throw new OperoneError("invalid_input", `The bytes for "${id}" must be a string; give it as bodyText`);
  if (bodyText === undefined && !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new OperoneError(
      "invalid_input",
      `bodyBase64 for "${id}" is no base64; give plain text as bodyText instead`,
    );
  }
  return once(Buffer.from(text, bodyText === undefined ? "base64" : "utf8"));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/**
 * An agent's words turned into the operation's. A name that the tool does not have but the operation has is taken as it
 * is: get_tool_details told of it.
 *
 * @throws OperoneError `invalid_input` for what is missing, or given twice in two spellings
 */
export function frontInput(tool: FrontTool, given: Given): Given {
  const missing = Object.entries(tool.arguments).find(
    ([name, { required, key }]) => required === true && given[name] === undefined && given[key] === undefined,
  );
  if (missing !== undefined)
    throw new OperoneError("invalid_input", `"${tool.name}" needs "${missing[0]}", and was not given it`);
  const input: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const argument = Object.hasOwn(tool.arguments, name) ? tool.arguments[name] : undefined;
    const key = argument?.key ?? name;
    if (Object.hasOwn(input, key)) {
      throw new OperoneError(
        "invalid_input",
        `"${tool.name}" was given "${name}" twice, under two names; give it once`,
      );
    }
    // Defined, not assigned: a name like "__proto__" is a plain key here, and is then refused.
    Object.defineProperty(input, key, {
      value: argument === undefined ? value : converted(argument, value),
      enumerable: true,
    });
  }
  return input;
}

function converted({ fields, listed }: FrontArgument, value: unknown): unknown {
  if (listed === true && !Array.isArray(value)) return [value];
  if (fields === undefined || !Array.isArray(value)) return value;
  return value.map((one: unknown) =>
    isRecord(one)
      ? Object.fromEntries(
          Object.entries(one).map(([name, inner]) => [
            Object.hasOwn(fields, name) ? (fields[name] ?? name) : name,
            inner,
          ]),
        )
      : one,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
