/** A dry run for people. Names and lines are a command's own words: nothing in them may move the cursor. */
import { moment, visible } from "../../src/kernel/plain-text.ts";
import type { Change, DryRun } from "./dry-run-shapes.ts";

const signs: Readonly<Record<Change["status"], string>> = {
  added: "A",
  changed: "M",
  removed: "D",
  renamed: "R",
  left_out: "!",
};

export function changeText(change: Change): string {
  const { status, kind, path, from, diff, note } = change;
  const name = visible(path) + (kind === "directory" ? "/" : "");
  const what = from === undefined ? name : `${visible(from)} -> ${name}`;
  const facts = [...factsOf(change), ...(note === undefined ? [] : [visible(note)])];
  const more = facts.length === 0 ? "" : ` (${facts.join("; ")})`;
  return `${signs[status]} ${what}${more}\n${diff === undefined ? "" : diffText(diff)}`;
}

function factsOf({
  kind,
  mode,
  modeBefore,
  sizeBytes,
  sizeBytesBefore,
  diff,
  target,
  sha256,
}: Change): string[] {
  const facts: string[] = [];
  if (target !== undefined) facts.push(`link to ${visible(target)}`);
  if (mode !== undefined && modeBefore !== undefined && mode !== modeBefore)
    facts.push(`mode ${modeBefore} -> ${mode}`);
  if (kind !== "file" || diff !== undefined || sizeBytes === undefined) return facts;
  facts.push(
    sizeBytesBefore === undefined ? `${sizeBytes} bytes` : `${sizeBytesBefore} -> ${sizeBytes} bytes`,
  );
  if (sha256 !== undefined) facts.push(`sha256 ${sha256.slice(0, 12)}`);
  return facts;
}

function diffText(diff: string): string {
  return diff
    .split("\n")
    .map((line) => line.split("\t").map(visible).join("\t"))
    .join("\n");
}

export function dryRunText({ id, changes, shown, expiresAtMs, refusal }: DryRun): string {
  const counted = `${changes} ${changes === 1 ? "change" : "changes"}${shown < changes ? `, ${shown} shown` : ""}`;
  if (refusal !== undefined) return `${counted}; it cannot be applied: ${visible(refusal)}\n`;
  if (id === null) return changes === 0 ? "no changes\n" : `${counted}, none to apply\n`;
  return `${counted}; until ${moment(expiresAtMs)}: operone apply ${id}, or operone discard ${id}\n`;
}
