/** JSON Schema of an operation's parts, as it stands inside of an OpenAPI document. */
import type { Operation, Schema } from "../kernel/operation.ts";
import { optionsOf } from "./options.ts";
import { jsonSchemaOf, jsonSuffix, type Shape, shapeOf } from "./schema.ts";

type Json = Readonly<Record<string, unknown>>;
type Part = "input" | "output" | "message";

/** @throws Error when the schema has no JSON Schema */
function schemaOf(operation: Operation, part: Part): Json {
  const schema = jsonSchemaOf(operation[part], part === "output" ? "output" : "input");
  // Inside of a document "#" would mean the document: an id makes the schema a resource with a root of its own.
  return "$defs" in schema ? { $id: `urn:operone:schema:${operation.id}:${part}`, ...schema } : { ...schema };
}

/** The schemas that an operation has, by their names among the document's components. */
export function namedSchemas(operation: Operation): [string, Json][] {
  const parts: Part[] = ["input"];
  if (operation.gives !== "bytes") parts.push("output");
  if (operation.takes === "messages") parts.push("message");
  return parts.map((part) => [`${operation.id}.${part}`, schemaOf(operation, part)]);
}

export function schemaRef(operation: Operation, part: Part): Json {
  return { $ref: `#/components/schemas/${operation.id}.${part}` };
}

/** @param when said in each description */
export function queryParameters(operation: Operation, when?: string): readonly Json[] {
  const input = schemaOf(operation, "input");
  const properties = (input.properties ?? {}) as Readonly<Record<string, Json>>;
  return optionsOf(operation).map(({ key, required, description }) => {
    const { description: _, ...schema } = properties[key] ?? {};
    const text = [description, when].filter((one) => one !== undefined).join(". ");
    const flat = isPlain(operation, key);
    return {
      name: flat ? key : key + jsonSuffix,
      in: "query",
      ...(text === "" ? {} : { description: text }),
      // With bytes coming in, the same input may stand in the body instead.
      ...(required && when === undefined ? { required: true } : {}),
      ...(flat
        ? { schema, ...(schema.type === "array" ? { style: "form", explode: true } : {}) }
        : { content: { "application/json": { schema } } }),
    };
  });
}

/** Whether plain text says it: anything else is JSON text under the name with a suffix. */
function isPlain(operation: Operation, key: string): boolean {
  const entries =
    (operation.input as Schema & { readonly entries?: Readonly<Record<string, Schema>> }).entries ?? {};
  const schema = entries[key];
  return schema !== undefined && plainShape(shapeOf(schema), 1);
}

function plainShape(shape: Shape, listsAllowed: number): boolean {
  if (shape.kind === "json" || shape.kind === "record") return false;
  if (shape.kind === "union")
    return shape.options.every((option) => plainShape(shapeOf(option), listsAllowed));
  if (shape.kind === "array") return listsAllowed > 0 && plainShape(shapeOf(shape.item), listsAllowed - 1);
  return true;
}
