/** A JSON Schema as people read it, in the notation of TypeScript: `{ id: string, state: "ready" | "failed" }`. */
import type { JsonSchema } from "@valibot/to-json-schema";

const widthMax = 100;

/** On one line where that is short enough, else one line for each property or alternative. */
export function schemaText(schema: JsonSchema, indent = ""): string {
  const flat = flatText(schema);
  if (indent.length + flat.length <= widthMax) return flat;
  const inner = `${indent}  `;
  const options = alternatives(schema);
  if (options !== undefined) {
    return options.map((option) => `\n${inner}| ${schemaText(option, `${inner}  `)}`).join("");
  }
  const { items } = schema;
  if (schema.type === "array" && isSchema(items)) {
    const item = schemaText(items, indent);
    return isChoice(items) ? `(${item}\n${indent})[]` : `${item}[]`;
  }
  const lines = properties(schema, (one) => schemaText(one, inner));
  return lines === undefined ? flat : `{\n${lines.map((line) => `${inner}${line},\n`).join("")}${indent}}`;
}

/** On one line, however long. */
export function flatText(schema: JsonSchema): string {
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const options = alternatives(schema);
  if (options !== undefined) return options.map(flatText).join(" | ");
  if (schema.type === "array") return arrayText(schema);
  if (schema.type === "integer" || schema.type === "number") return numberText(schema);
  const fields = properties(schema, flatText);
  if (fields !== undefined) return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
  if (isSchema(schema.additionalProperties)) return `{ [name]: ${flatText(schema.additionalProperties)} }`;
  return typeof schema.type === "string" ? schema.type : "any JSON";
}

function alternatives({ anyOf, oneOf }: JsonSchema): readonly JsonSchema[] | undefined {
  return (anyOf ?? oneOf)?.filter(isSchema);
}

function isChoice(schema: JsonSchema): boolean {
  return (schema.enum ?? alternatives(schema) ?? []).length > 1;
}

/** `name: type` for each; undefined when it is no object with named properties. */
function properties(schema: JsonSchema, text: (one: JsonSchema) => string): readonly string[] | undefined {
  if (schema.properties === undefined) return undefined;
  return Object.entries(schema.properties).map(([name, one]) => {
    const mark = schema.required?.includes(name) === true ? "" : "?";
    const type = isSchema(one) ? text(one) : "any JSON";
    return `${name}${mark}:${type.startsWith("\n") ? "" : " "}${type}`;
  });
}

function arrayText({ items }: JsonSchema): string {
  if (!isSchema(items)) return "array";
  const item = flatText(items);
  return isChoice(items) ? `(${item})[]` : `${item}[]`;
}

function numberText({ type, minimum, maximum }: JsonSchema): string {
  const least = minimum === undefined ? "" : ` from ${minimum}`;
  return maximum === undefined ? `${type}${least}` : `${type}${least} to ${maximum}`;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
