/** Files as people see them at a terminal. */
import { moment, visible } from "../../src/kernel/plain-text.ts";
import type { EntryShape } from "./shapes.ts";

const letters = { file: "-", directory: "d", link: "l", other: "?" } as const;

/** `-rw-r--r--      12.3 kB  2026-01-01T00:00:00Z  notes.md` */
export function entryLines(entries: readonly EntryShape[], wholePath: boolean): readonly string[] {
  return entries.map(({ kind, mode, sizeBytes, modifiedMs, path, target }) => {
    const name = visible(wholePath ? path : path.slice(path.lastIndexOf("/") + 1));
    const size = kind === "file" ? sizeText(sizeBytes) : "";
    const suffix = kind === "directory" ? "/" : target === undefined ? "" : ` -> ${visible(target)}`;
    return `${letters[kind]}${modeText(mode)} ${size.padStart(9)}  ${moment(modifiedMs)}  ${name}${suffix}`;
  });
}

function modeText(mode: number | undefined): string {
  if (mode === undefined) return "---------";
  return [...(mode & 0o777).toString(2).padStart(9, "0")]
    .map((bit, at) => (bit === "1" ? ("rwx"[at % 3] ?? "") : "-"))
    .join("");
}

const units = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Of a thousand bytes each. */
export function sizeText(bytes: number): string {
  const step = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** step;
  return `${step === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[step]}`;
}

interface Tree {
  readonly path: string;
  readonly entries: readonly {
    readonly path: string;
    readonly kind: EntryShape["kind"];
    readonly depth: number;
  }[];
  readonly more: boolean;
}

/** The lines of a drawing, from the last entry to the first: only then is it known which is the last in its directory. */
export function treeText({ path, entries, more }: Tree): string {
  const open: boolean[] = [];
  const drawn = entries.toReversed().map(({ path: below, kind, depth }) => {
    const isLast = open[depth] !== true;
    open[depth] = true;
    open.length = depth + 1;
    const bars = Array.from({ length: depth - 1 }, (_, at) => (open[at + 1] === true ? "│   " : "    ")).join(
      "",
    );
    const name = visible(below.slice(below.lastIndexOf("/") + 1));
    return `${bars}${isLast ? "└── " : "├── "}${name}${kind === "directory" ? "/" : ""}\n`;
  });
  return `${visible(path)}\n${drawn.toReversed().join("")}${more ? "... and more (--limit)\n" : ""}`;
}

interface Usage {
  readonly path: string;
  readonly bytes: number;
  readonly files: number;
  readonly entries: readonly { readonly path: string; readonly bytes: number }[];
}

export function filesText(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}

export function usageText({ path, bytes, files, entries }: Usage): string {
  const shown = entries
    .slice(0, 20)
    .map((one) => `${sizeText(one.bytes).padStart(9)}  ${visible(one.path)}\n`);
  return `${shown.join("")}${sizeText(bytes).padStart(9)}  ${visible(path)} (${filesText(files)})\n`;
}

interface PlanTold {
  readonly files: number;
  readonly directories: number;
  readonly others?: number | undefined;
  readonly bytes: number;
  readonly diff: string;
}

/** The listing, and below it what it comes to. */
export function planText({ files, directories, others = 0, bytes, diff }: PlanTold): string {
  const folders = directories === 1 ? "1 directory" : `${directories} directories`;
  const rest = others === 0 ? "" : `, ${others} that are neither`;
  return `${diff}${filesText(files)}, ${folders}${rest}, ${sizeText(bytes)}; nothing was changed\n`;
}
