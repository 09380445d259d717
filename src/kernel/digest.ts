/** One text for equal JSON values, and its digest: approvals, the audit and idempotency keys are bound to it. */
import { sha256 } from "./hash.ts";

/** JSON with the keys of every object sorted, so that equal values give equal text whatever their origin. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** SHA-256 of the canonical JSON, lower-case hex. */
export function digestOf(value: unknown): string {
  return sha256().update(canonicalJson(value)).digest("hex");
}
