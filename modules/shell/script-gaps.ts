/**
 * What lies between the words of a script: operators, reserved words, comments, and nothing else. It is checked
 * without the parser, so that no text that a shell would read as a word can have been passed over.
 */
export interface Span {
  readonly pos: number;
  readonly end: number;
}

const delimiter = String.raw`[\s;&|()<>]`;
const reserved = "[{}!]|if|then|elif|else|fi|for|in|do|done|while|until|case|esac|time|-p";
const list = String.raw`[ \t\n]+|\\\n|[;&|]+|[()]|(?:${reserved})(?!(?!${delimiter})[^])`;
const comment = String.raw`(?<![^\s;&|()])#[^\n]*`;
const testToken = new RegExp(
  String.raw`[ \t\n]+|&&|\|\||[()]|(?:[!<>]|==?|!=|-[a-zA-Z]{1,2}|\[\[|\]\])(?!(?!${delimiter})[^])`,
  "y",
);
const tokens = {
  script: new RegExp(`${list}|${comment}`, "y"),
  // Some shells take a bracket in a comment for the end of the substitution.
  substitution: new RegExp(list, "y"),
  test: testToken,
};

/** @returns the first text that should not be there */
export function strayText(
  source: string,
  { pos, end }: Span,
  leaves: readonly Span[],
  kind: keyof typeof tokens,
): string | undefined {
  let at = pos;
  for (const leaf of leaves.toSorted((a, b) => a.pos - b.pos || a.end - b.end)) {
    if (leaf.pos < at || leaf.end > end) return source.slice(leaf.pos, leaf.end);
    if (!isGap(source, at, leaf.pos, tokens[kind])) return source.slice(at, leaf.pos);
    at = leaf.end;
  }
  return isGap(source, at, end, tokens[kind]) ? undefined : source.slice(at, end);
}

function isGap(source: string, from: number, to: number, token: RegExp): boolean {
  if (touches(source, from) || touches(source, to)) return false;
  const gap = source.slice(0, to);
  for (let at = from; at < to; at = token.lastIndex) {
    token.lastIndex = at;
    if (!token.test(gap)) return false;
  }
  return true;
}

/** What touches a word would be a part of it. A redirection may. */
function touches(source: string, at: number): boolean {
  if (at === 0 || /[<>]/.test(source[at] ?? "")) return false;
  return isInner(source[at - 1]) && isInner(source[at]);
}

function isInner(mark: string | undefined): boolean {
  return mark !== undefined && !/[\s;&|()]/.test(mark);
}
