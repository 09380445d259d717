/** Makes what somebody logs safe to keep: no secrets by name or by look, bounded in size and depth, plain JSON. */

export interface FieldLimits {
  readonly textCharsMax: number;
  readonly depthMax: number;
  /** Keys of an object, elements of a list. */
  readonly entriesMax: number;
  /** Values in one whole line, so that width times depth is bounded too. */
  readonly valuesMax: number;
}

const fieldLimits: FieldLimits = { textCharsMax: 2_048, depthMax: 4, entriesMax: 32, valuesMax: 128 };

const redacted = "[redacted]";

const secretName =
  /secret|token|pass(word|wd|phrase|code)|authori[sz]ation|cookie|credential|(api|private|access|secret|signing|encryption)[-_ ]?key|^key$|bearer/i;
/** What is told about a secret, not the secret: `tokenId`, `secretName`. */
const aboutSecret = /(id|ids|name|names|count|digest|path|(at|expires)?ms)$/i;
/** An owner's or a caller's token, whatever text it stands in: 43 characters, or fewer where the text was cut. */
const tokenText = /op[ot]_([A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]*$)/g;
/** Credentials in a URL. */
const urlCredentials = /(\w+:\/\/)[^\s/@:]+:[^\s/@]+@/g;

export function safeText(text: string, charsMax: number = fieldLimits.textCharsMax): string {
  // Cut before the search, so that a huge text costs no more than a long one; a cut token is still masked.
  const short = text.length > charsMax ? text.slice(0, charsMax) : text;
  const masked = short
    .replace(tokenText, (found) => `${found.slice(0, 4)}${redacted}`)
    .replace(urlCredentials, `$1${redacted}@`);
  return short === text ? masked : `${masked}... (${text.length} characters)`;
}

export function safeFields(
  fields: Readonly<Record<string, unknown>>,
  limits: FieldLimits = fieldLimits,
): Readonly<Record<string, unknown>> {
  return safeRecord(fields, { limits, valuesLeft: limits.valuesMax }, 0);
}

interface Walk {
  readonly limits: FieldLimits;
  valuesLeft: number;
}

function safeRecord(record: object, walk: Walk, depth: number): Record<string, unknown> {
  const kept: [string, unknown][] = [];
  const entries = Object.entries(record);
  for (const [name, value] of entries.slice(0, walk.limits.entriesMax)) {
    const hidden = hides(name, value);
    kept.push([safeText(name, 128), hidden ? redacted : safeValue(value, walk, depth + 1)]);
  }
  if (entries.length > kept.length) kept.push(["...", `${entries.length - kept.length} more`]);
  return Object.fromEntries(kept);
}

function hides(name: string, value: unknown): boolean {
  if (typeof value === "number" || typeof value === "boolean" || value === null || value === undefined) {
    return false;
  }
  return secretName.test(name) && !aboutSecret.test(name);
}

function safeValue(value: unknown, walk: Walk, depth: number): unknown {
  if (walk.valuesLeft-- <= 0) return "...";
  if (typeof value === "string") return safeText(value, walk.limits.textCharsMax);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "boolean" || value === null || value === undefined) return value;
  if (typeof value !== "object") return safeText(String(value), walk.limits.textCharsMax);
  if (value instanceof Error) return safeText(value.stack ?? String(value), walk.limits.textCharsMax);
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (depth > walk.limits.depthMax) return "...";
  return Array.isArray(value) ? safeList(value, walk, depth) : safeRecord(value, walk, depth);
}

function safeList(list: readonly unknown[], walk: Walk, depth: number): unknown[] {
  const kept = list.slice(0, walk.limits.entriesMax).map((value) => safeValue(value, walk, depth + 1));
  return list.length > kept.length ? [...kept, `... ${list.length - kept.length} more`] : kept;
}
