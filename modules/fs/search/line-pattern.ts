/**
 * Patterns that cannot match an end of a line, so that a whole block of lines can be searched in one go. What could
 * match one (`\s`, `\W`, `[^a]`) is written so that it does not, as ripgrep does.
 */

export interface LinePattern {
  readonly pattern: string;
  /** False: it may match an end of a line all the same, so each line has to be searched by itself. */
  readonly blockwise: boolean;
}

/** Escapes that match an end of a line, by what they are without it. The same text does inside of a class. */
const narrowed: Readonly<Record<string, string>> = {
  s: "[\\s--\\r\\n]",
  W: "[\\W--\\r\\n]",
  D: "[\\D--\\r\\n]",
};

export function linePattern(pattern: string): LinePattern {
  let text = "";
  let inClass = 0;
  const asItIs = { pattern, blockwise: false };
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern[at] ?? "";
    const next = pattern[at + 1] ?? "";
    if (sign === "\\") {
      at += 1;
      if (narrowed[next] !== undefined) text += narrowed[next];
      else if (/[wdSbBt]/.test(next) || isPunctuation(next)) text += sign + next;
      else return asItIs;
    } else if (inClass > 0) {
      // Operations between classes, and named ones, are too rare to be understood here.
      if (sign === "[" || (/[&~-]/.test(sign) && sign === next)) return asItIs;
      if (sign < " ") return asItIs;
      if (sign === "]") inClass -= 1;
      text += sign;
    } else if (sign === "[") {
      const negated = next === "^";
      const first = pattern[at + (negated ? 2 : 1)];
      // A bracket in front is meant itself.
      if (first === "]" || first === "[") return asItIs;
      inClass += 1;
      text += negated ? "[^\\r\\n" : "[";
      at += negated ? 1 : 0;
    } else if (
      sign === "(" &&
      next === "?" &&
      !/^\(\?(:|P?<[A-Za-z_]\w*>|i?:|i\)|-i\))/.test(pattern.slice(at))
    )
      return asItIs;
    else if (sign === "\n" || sign === "\r") return asItIs;
    else text += sign;
  }
  return inClass > 0 ? asItIs : { pattern: text, blockwise: true };
}

function isPunctuation(sign: string): boolean {
  return /^[!-/:-@[-`{-~ ]$/.test(sign) && !/[<>]/.test(sign);
}
