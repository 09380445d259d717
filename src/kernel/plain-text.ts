/** Text for a terminal. Whatever a caller could choose is made visible: it must not move the cursor. */
import type { CliOutput } from "./operation.ts";

/** Control characters (C0, DEL, C1), and those that reorder or hide text, so that a name cannot pose as another. */
const deceiving = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const plain = /^[ -~]*$/;

export function visible(text: string): string {
  // Almost every text is plain, and to look is cheaper than to replace.
  if (plain.test(text)) return text;
  return text.replace(deceiving, (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`);
}

export function lines(...texts: readonly string[]): CliOutput {
  return { stdout: `${texts.join("\n")}\n` };
}

/** Columns as wide as their longest cell; the last one as it comes. */
export function table(rows: readonly (readonly string[])[]): CliOutput {
  const shown = rows.map((row) => row.map(visible));
  const widths = (shown[0] ?? []).map((_, column) =>
    Math.max(...shown.map((row) => row[column]?.length ?? 0)),
  );
  return lines(
    ...shown.map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    ),
  );
}

export function moment(atMs: number | undefined): string {
  return atMs === undefined ? "never" : new Date(atMs).toISOString().replace(".000Z", "Z");
}
