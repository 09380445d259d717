/** A log entry as a line: for programs as JSON, for people with the time of day first. */
import type { LogEntry, LogLevel } from "../kernel/ports.ts";

/** One JSON object and a line end (NDJSON). A field of the same name as a fixed key stands below `fields`. */
export function jsonLine({ atMs, level, message, fields }: LogEntry): string {
  const entry = { at: new Date(atMs).toISOString(), level, message, fields };
  return `${JSON.stringify(Object.keys(fields).length > 0 ? entry : { ...entry, fields: undefined })}\n`;
}

const colours: Readonly<Record<LogLevel, string>> = {
  debug: "\u001b[2m",
  info: "\u001b[36m",
  warn: "\u001b[33m",
  error: "\u001b[31m",
};
const plain = "\u001b[0m";

/** Local time of day, level, message, `name=value` pairs; nothing in it can move a terminal's cursor. */
export function humanLine({ atMs, level, message, fields }: LogEntry, colour: boolean): string {
  const at = new Date(atMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const name = level.toUpperCase().padEnd(5);
  const pairs = Object.entries(fields).map(([key, value]) => ` ${harmless(key)}=${shown(value)}`);
  const label = colour ? `${colours[level]}${name}${plain}` : name;
  return `${time} ${label} ${harmless(message)}${pairs.join("")}\n`;
}

function shown(value: unknown): string {
  if (typeof value === "string" && /^[\w./:@+-]+$/.test(value)) return value;
  return harmless(JSON.stringify(value) ?? "undefined");
}

/** Control characters (C0, DEL, C1), direction marks and line separators as visible escapes. */
function harmless(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to be found
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
