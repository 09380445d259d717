/** One table of a TOML file, added, replaced or taken out as text, so that comments and order stay. */
import { tomlText } from "./toml.ts";

/** A table of two names: `[mcp_servers.operone]`, with the tables below it. */
export type TablePath = readonly [string, string];

/**
 * The text with this table, or without it. Knows the table only as a header of its own; whoever calls parses the
 * result, and refuses it when anything else has changed.
 */
export function withTomlTable(
  text: string,
  path: TablePath,
  value: Readonly<Record<string, unknown>> | undefined,
): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const block = value === undefined ? [] : blockOf(path, value);
  // With what is left of their line ends, so that every line that stays does so byte for byte.
  const lines = text.split("\n");
  const found = rangesOf(lines, path);
  const [first, ...others] = found;
  if (first === undefined) {
    if (block.length === 0) return text;
    const body = text === "" || text.endsWith("\n") ? text : `${text}${eol}`;
    return `${body}${body.trim() === "" ? "" : eol}${block.join(eol)}${eol}`;
  }
  // From the end, so that the earlier places stay where they are.
  for (const { from, to } of others.toReversed()) lines.splice(from, to - from);
  const isLast = lines.slice(first.to).every((line) => line.trim() === "");
  const blankBefore = block.length === 0 && isLast && lines[first.from - 1]?.trim() === "" ? 1 : 0;
  lines.splice(
    first.from - blankBefore,
    first.to - first.from + blankBefore,
    ...block.map((line) => line + eol.slice(0, -1)),
  );
  return lines.join("\n");
}

function blockOf([outer, inner]: TablePath, value: Readonly<Record<string, unknown>>): readonly string[] {
  return tomlText({ [outer]: { [inner]: value } })
    .trimEnd()
    .split("\n");
}

interface Range {
  readonly from: number;
  /** Behind its last line that is neither empty nor a comment. */
  readonly to: number;
}

function rangesOf(lines: readonly string[], path: TablePath): readonly Range[] {
  const ranges: Range[] = [];
  let from: number | undefined;
  let to = 0;
  for (const [at, line] of [...lines, "[end]"].entries()) {
    if (/^\s*\[/.test(line)) {
      const mine = at < lines.length && isHeaderOf(line, path);
      if (from !== undefined && !mine) ranges.push({ from, to });
      if (!mine) from = undefined;
      else from ??= at;
    }
    if (line.trim() !== "" && !/^\s*#/.test(line)) to = at + 1;
  }
  return ranges;
}

function isHeaderOf(line: string, path: TablePath): boolean {
  const part = (name: string) => `(?:${name}|"${name}"|'${name}')`;
  return new RegExp(`^\\s*\\[\\s*${part(path[0])}\\s*\\.\\s*${part(path[1])}\\s*[\\].]`).test(line);
}
