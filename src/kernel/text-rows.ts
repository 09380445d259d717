/** Rows of texts in an output. There may be millions of cells: a schema for each of them costs more than reading them. */
import * as v from "valibot";

/** Schema of `string[][]`, and no different in JSON Schema: see surface/schema.ts. */
export const textRows = v.custom<string[][]>(isTextRows);

function isTextRows(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  for (const row of value) {
    if (!Array.isArray(row)) return false;
    for (const cell of row) if (typeof cell !== "string") return false;
  }
  return true;
}
