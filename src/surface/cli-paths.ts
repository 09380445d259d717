/** Paths as people type them: `notes.md` in the folder where they are, `laptop:/notes/a.md` on another node. */
import { resolve, sep } from "node:path";
import { OperoneError } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";

export interface TypedPaths {
  readonly input: unknown;
  /** The node that a path names. */
  readonly node: string | undefined;
}

/** One letter before the colon is a drive of Windows. */
const onNode = /^([^/:\\]{2,}):([/~].*)$/s;

/**
 * @param selected by --node
 * @param workingDirectory of the command line
 * @throws OperoneError `invalid_input` for a path that means nothing there, and for two nodes
 */
export function typedPaths(
  { cli }: Operation,
  input: unknown,
  selected: string | undefined,
  workingDirectory: string | undefined,
): TypedPaths {
  const { paths: keys = [], places = [] } = cli;
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  if (keys.length + places.length === 0 || !isObject) return { input, node: undefined };
  const fields: Record<string, unknown> = { ...input };
  const texts = keys.flatMap((key) => {
    const text = fields[key];
    return typeof text === "string" ? [{ key, text, parts: partsOf(text) }] : [];
  });
  const node = oneNode(
    selected,
    texts.flatMap(({ parts }) => (parts === null ? [] : [parts[1] ?? ""])),
  );
  for (const key of places) fields[key] = placeOf(fields[key], selected, workingDirectory);
  for (const { key, text, parts } of texts) {
    if (parts !== null) fields[key] = parts[2];
    else if (text !== "" && !/^[/~]/.test(text) && workingDirectory !== undefined)
      fields[key] = here(text, selected ?? node, workingDirectory);
  }
  return { input: fields, node };
}

/** @throws OperoneError `invalid_input` for `laptop:`, which is the home elsewhere, and would be a file here */
function partsOf(text: string): RegExpExecArray | null {
  if (!/^[^/:\\]{2,}:$/.test(text)) return onNode.exec(text);
  throw new OperoneError(
    "invalid_input",
    `"${text}" names no path; write "${text}~/" for the home on that node, or "./${text}" for a file here`,
  );
}

/** A path of the node that is asked, or `{ node, path }`. */
function placeOf(
  value: unknown,
  selected: string | undefined,
  workingDirectory: string | undefined,
): unknown {
  if (typeof value !== "string") return value;
  const [, node, path] = partsOf(value) ?? [];
  if (node !== undefined) return { node, path };
  if (value === "" || /^[/~]/.test(value) || workingDirectory === undefined) return value;
  return here(value, selected, workingDirectory);
}

function oneNode(selected: string | undefined, named: readonly string[]): string | undefined {
  const all = [...new Set([...(selected === undefined ? [] : [selected]), ...named])];
  const [first, second] = all;
  if (second === undefined) return named[0];
  throw new OperoneError(
    "invalid_input",
    `The call names two nodes, "${first}" and "${second}"; leave one out, or copy between them with "operone fs copy"`,
  );
}

function here(text: string, node: string | undefined, workingDirectory: string): string {
  if (node !== undefined && node !== "self") {
    throw new OperoneError(
      "invalid_input",
      `"${text}" means nothing on the node "${node}"; write an absolute path there, or one that begins with "~/"`,
    );
  }
  const host = resolve(workingDirectory, text);
  const drive = /^([A-Za-z]):(.*)$/s.exec(host);
  const path = sep === "\\" ? host.replaceAll("\\", "/") : host;
  return drive === null || sep === "/" ? path : `/${(drive[1] ?? "").toLowerCase()}${path.slice(2)}`;
}
