/** JSON Schemas of tools: of operations as they are, and short ones for the list that is in every conversation. */
import type { Operation } from "../kernel/operation.ts";
import type { FrontArgument, FrontTool } from "./mcp-front.ts";
import { jsonSchemaOf } from "./schema.ts";

export type Json = Readonly<Record<string, unknown>>;

/** What MCP calls the schema of a tool: an object at its root. */
export interface ToolSchema {
  readonly type: "object";
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly [key: string]: unknown;
}

/** Where bytes come with a call. No operation's input has these names. */
export const bytesArguments = ["bodyText", "bodyBase64"] as const;

const nodeSchema: Json = {
  type: "string",
  description:
    "Where it runs: a node's name, any (the best one), any:gpu=true, or many: all, gpu=true. Absent: the node that is asked.",
};

const bytesSchemas: Json = {
  bodyText: { type: "string", description: "The bytes that come with the call, as text." },
  bodyBase64: { type: "string", description: "The same in base64, for what is no text." },
};

/** Whether other nodes can be asked. */
export function isRouted({ surfaces }: Operation): boolean {
  return surfaces.includes("mesh");
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly [key: string]: unknown;
}

function schemaIn(operation: Operation): ObjectSchema {
  const schema: Json = { ...jsonSchemaOf(operation.input, "input") };
  return schema as ObjectSchema;
}

export function schemaOut(operation: Operation): Json {
  return { ...jsonSchemaOf(operation.output, "output") };
}

/** The operation's whole input, with what a tool takes beside it. */
export function inputSchemaOf(operation: Operation): ToolSchema {
  const { properties = {}, ...rest } = schemaIn(operation);
  return {
    ...rest,
    type: "object",
    properties: {
      ...properties,
      ...(operation.takes === "bytes" ? (bytesSchemas as Readonly<Record<string, Json>>) : {}),
      ...(isRouted(operation) ? { node: nodeSchema } : {}),
    },
  };
}

/** Undefined where what comes out is not JSON alone. */
export function outputSchemaOf(operation: Operation): ToolSchema | undefined {
  if (operation.gives === "bytes" || operation.mcp.content !== undefined) return undefined;
  const one = schemaOut(operation);
  // Inside of another schema "#" would mean that one: an id makes it a resource with a root of its own.
  const output = "$defs" in one ? { $id: `urn:operone:schema:${operation.id}:output`, ...one } : one;
  const alone =
    operation.gives === "items"
      ? listOf(output)
      : isObject(one)
        ? output
        : objectOf({ value: output }, ["value"]);
  if (!isRouted(operation)) return { ...alone, type: "object" };
  // The same tool asks one node, or many of them.
  const ofNode = objectOf({ node: { type: "string" }, value: true, error: { type: "object" } }, ["node"]);
  return { type: "object", anyOf: [alone, listOf(ofNode)] };
}

function listOf(items: Json): Json {
  return objectOf({ items: { type: "array", items }, leftOut: { type: "integer" } }, ["items"]);
}

function objectOf(properties: Json, required: readonly string[]): Json {
  return { type: "object", properties, required };
}

/** Also for one of several objects. */
export function isObject(schema: Json): boolean {
  if (schema.type === "object") return true;
  return Array.isArray(schema.anyOf) && schema.anyOf.every((one) => isRecord(one) && isObject(one));
}

/** Of a front tool: no descriptions, no limits; who gets them wrong is told what is right. */
export function frontSchemaOf(tool: FrontTool, operation: Operation): ToolSchema {
  const whole = schemaIn(operation);
  const named = Object.entries(tool.arguments);
  const required = named
    .filter(([, argument]) => argument.required === true || whole.required?.includes(argument.key))
    .map(([name]) => name);
  return {
    type: "object",
    properties: {
      ...Object.fromEntries(
        named.map(([name, argument]) => [
          name,
          argumentSchema(argument, whole.properties?.[argument.key] ?? {}),
        ]),
      ),
      ...(isRouted(operation) ? { node: { type: "string" } } : {}),
    },
    ...(required.length === 0 ? {} : { required }),
  };
}

function argumentSchema(argument: FrontArgument, schema: Json): Json {
  const short = shortened(schema, argument.fields ?? {});
  return argument.listed === true ? ((short.items ?? {}) as Json) : short;
}

/** @param fields new names of an object's properties, by the old ones turned round */
function shortened(schema: Json, fields: Readonly<Record<string, string>>): Json {
  const short: Record<string, unknown> = {};
  if (schema.type !== undefined) short.type = schema.type;
  if (schema.enum !== undefined) short.enum = schema.enum;
  if (isRecord(schema.items)) short.items = shortened(schema.items, fields);
  if (isRecord(schema.properties)) {
    const shown = Object.fromEntries(Object.entries(fields).map(([name, key]) => [key, name]));
    const required = Array.isArray(schema.required) ? schema.required.map(String) : [];
    const kept = Object.entries(schema.properties).filter(([key]) => key in shown);
    short.properties = Object.fromEntries(kept.map(([key, one]) => [shown[key], shortened(one as Json, {})]));
    short.required = required.filter((key) => key in shown).map((key) => shown[key]);
  }
  return short;
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
