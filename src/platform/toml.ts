/** Reads TOML, with lines for messages. */
import { parse, stringify, TomlError } from "smol-toml";
import { OperoneError } from "../kernel/error.ts";

export interface TomlDocument {
  readonly values: Readonly<Record<string, unknown>>;
  /** Line of a key, counted from 1. Undefined for what only appears inside a value. */
  lineOf(path: readonly string[]): number | undefined;
}

/** @throws OperoneError `invalid_input` that names the file, line and column, and shows the place. */
export function parseToml(text: string, source: string): TomlDocument {
  try {
    return { values: parse(text), lineOf: (path) => lineOf(text, path) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new OperoneError(
      "invalid_input",
      `${source} line ${error.line}, column ${error.column} is no TOML: ${error.message.replace(/^Invalid TOML document: /, "").trimEnd()}`,
    );
  }
}

export function tomlText(values: Readonly<Record<string, unknown>>): string {
  return stringify(values);
}

/** A second, simple reading of the text: the parser keeps no places. Only used once something is wrong. */
function lineOf(text: string, path: readonly string[]): number | undefined {
  let table: readonly string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[\[?([^[\]]+)\]/.exec(line)?.[1];
    if (header !== undefined) table = keyParts(header);
    const key = /^\s*([A-Za-z0-9_."'-]+(?:\s*\.\s*[A-Za-z0-9_."'-]+)*)\s*=/.exec(line)?.[1];
    const here = key === undefined ? table : [...table, ...keyParts(key)];
    const declares = key !== undefined || header !== undefined;
    if (declares && path.length <= here.length && path.every((name, at) => name === here[at]))
      return index + 1;
  }
  return undefined;
}

function keyParts(text: string): readonly string[] {
  return text.split(".").map((part) => part.trim().replace(/^(["'])(.*)\1$/, "$2"));
}
