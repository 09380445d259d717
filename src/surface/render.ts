/** Any JSON value as text for people. Programs use `--json`, so this may change and may leave digits out. */
import { ByteText } from "../kernel/byte-text.ts";
import { escapeControls, pad, textWidth, truncate } from "./text.ts";

export interface RenderOptions {
  /** Widest line, in terminal cells; infinite where nobody looks. */
  readonly columns: number;
  readonly color: boolean;
}

/** Lines with an end each; empty for null and undefined. */
export function renderValue(value: unknown, options: RenderOptions): string {
  if (value === null || value === undefined) return "";
  return `${linesFor(value, options, "").join("\n")}\n`;
}

/** One item on one line; only a string may hold line breaks of its own. */
export function renderItem(item: unknown, options: RenderOptions): string {
  if (isPlainObject(item)) {
    const parts = Object.entries(item).map(
      ([key, value]) => `${dim(`${escapeControls(key)}=`, options)}${pairText(key, value)}`,
    );
    return `${parts.join(" ")}\n`;
  }
  return `${isText(item) ? escapeControls(String(item)) : cellText("", item)}\n`;
}

function linesFor(value: unknown, options: RenderOptions, indent: string): string[] {
  if (Array.isArray(value)) return listLines(value, options, indent);
  if (isPlainObject(value)) return objectLines(value, options, indent);
  return [indent + cellText("", value)];
}

function listLines(list: readonly unknown[], options: RenderOptions, indent: string): string[] {
  if (list.length === 0) return [`${indent}(none)`];
  if (list.every(isPlainObject)) return tableLines(list, options, indent);
  return list.map((value) => indent + (isScalar(value) ? cellText("", value) : compact(value)));
}

function objectLines(
  object: Readonly<Record<string, unknown>>,
  options: RenderOptions,
  indent: string,
): string[] {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return [`${indent}(none)`];
  const width = Math.max(
    ...entries.filter(([, value]) => isInline(value)).map(([key]) => textWidth(escapeControls(key))),
    0,
  );
  return entries.flatMap(([key, value]) => {
    const name = `${escapeControls(key)}:`;
    if (!isInline(value)) return [indent + dim(name, options), ...linesFor(value, options, `${indent}  `)];
    return [`${indent}${dim(pad(name, width + 1), options)} ${inlineText(key, value)}`.trimEnd()];
  });
}

/** A header and one line for each object; the widest columns give way when the terminal is narrow. */
function tableLines(
  rows: readonly Readonly<Record<string, unknown>>[],
  options: RenderOptions,
  indent: string,
): string[] {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (keys.length === 0) return rows.map(() => `${indent}(none)`);
  const cells = rows.map((row) => keys.map((key) => cellText(key, row[key])));
  const heads = keys.map((key) => escapeControls(key).toUpperCase());
  const right = keys.map((key) =>
    rows.every((row) => row[key] === undefined || typeof row[key] === "number"),
  );
  const wanted = keys.map((_, at) =>
    Math.max(textWidth(heads[at] ?? ""), ...cells.map((row) => textWidth(row[at] ?? ""))),
  );
  const widths = narrowed(wanted, options.columns - textWidth(indent) - gap.length * (keys.length - 1));
  const line = (row: readonly string[]) =>
    (
      indent +
      row.map((cell, at) => pad(truncate(cell, widths[at] ?? 0), widths[at] ?? 0, right[at])).join(gap)
    ).trimEnd();
  return [bold(line(heads), options), ...cells.map(line)];
}

const gap = "  ";
/** No column becomes narrower than this by giving way. */
const columnWidthMin = 8;

function narrowed(widths: readonly number[], available: number): readonly number[] {
  const narrow = [...widths];
  let over = narrow.reduce((sum, width) => sum + width, 0) - available;
  while (over > 0) {
    const widest = Math.max(...narrow);
    if (widest <= columnWidthMin) break;
    const at = narrow.indexOf(widest);
    const next = Math.max(columnWidthMin, ...narrow.filter((width) => width < widest));
    const cut = Math.min(over, Math.max(1, widest - next));
    narrow[at] = widest - cut;
    over -= cut;
  }
  return narrow;
}

function isInline(value: unknown): boolean {
  return isScalar(value) || (Array.isArray(value) && value.every(isScalar)) || isEmpty(value);
}

function inlineText(key: string, value: unknown): string {
  if (Array.isArray(value))
    return value.length === 0 ? "(none)" : value.map((item) => cellText(key, item)).join(", ");
  return isEmpty(value) ? "(none)" : cellText(key, value);
}

function isEmpty(value: unknown): boolean {
  return isPlainObject(value) && Object.keys(value).length === 0;
}

/** One cell of a table: no line breaks. */
function cellText(key: string, value: unknown): string {
  if (value === undefined || value === null) return "-";
  if (typeof value === "number") return numberText(key, value);
  if (isText(value)) return escapeControls(String(value)).replaceAll("\n", "\\n").replaceAll("\t", " ");
  if (Array.isArray(value) && value.every(isScalar))
    return value.map((item) => cellText(key, item)).join(",");
  return compact(value);
}

function pairText(key: string, value: unknown): string {
  const text = cellText(key, value);
  return isText(value) && (text === "" || /[\s"=]/.test(text)) ? JSON.stringify(text) : text;
}

/** Names carry the unit, so a number can be shown in a readable one. */
function numberText(key: string, value: number): string {
  if (/(^a|A)tMs$/.test(key) && Math.abs(value) < 8.64e15) {
    return new Date(value)
      .toISOString()
      .replace("T", " ")
      .replace(/\.\d+Z$/, "Z");
  }
  if (/(Ms|Ms(Max|Min|Sum))$/.test(key)) return durationText(value);
  if (/(^bytes|Bytes)(Max|Min|Sum)?$/.test(key)) return bytesText(value);
  return String(value);
}

export function durationText(ms: number): string {
  const size = Math.abs(ms);
  if (size < 1_000) return `${round(ms)} ms`;
  if (size < 120_000) return `${round(ms / 1_000)} s`;
  if (size < 7_200_000) return `${round(ms / 60_000)} min`;
  return size < 172_800_000 ? `${round(ms / 3_600_000)} h` : `${round(ms / 86_400_000)} d`;
}

/** IEC units, as memory and files are counted. */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = 0;
  let size = bytes;
  while (Math.abs(size) >= 1_024 && at < units.length - 1) {
    size /= 1_024;
    at += 1;
  }
  return `${round(size)} ${units[at]}`;
}

function round(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 1 : 0);
}

function compact(value: unknown): string {
  return escapeControls(JSON.stringify(value));
}

function bold(text: string, { color }: RenderOptions): string {
  return color ? `\x1b[1m${text}\x1b[22m` : text;
}

function dim(text: string, { color }: RenderOptions): string {
  return color ? `\x1b[2m${text}\x1b[22m` : text;
}

function isText(value: unknown): value is string | ByteText {
  return typeof value === "string" || value instanceof ByteText;
}

function isScalar(value: unknown): boolean {
  return value === null || value === undefined || typeof value !== "object" || isText(value);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isText(value);
}
