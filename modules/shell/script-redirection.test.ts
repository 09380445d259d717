import { expect, test } from "bun:test";
import { parse, type Redirection } from "unbash";
import { readRedirection } from "./script-redirection.ts";

type Heredoc = Extract<Redirection, { readonly type: "HereDoc" }>;

/** The first here-document of `cat`, as the parser sees it. */
function heredocOf(source: string): Heredoc {
  const command = parse(source).commands[0]?.command;
  const [found] = command?.type === "Command" ? command.redirects : [];
  if (found?.type !== "HereDoc") throw new Error(`no here-document in ${source}`);
  return found;
}

function isRefused(node: Redirection, source: string): boolean {
  const refusals: string[] = [];
  const finds = { refuse: (why: string) => void refusals.push(why), nested() {}, sets() {}, counts() {} };
  readRedirection(node, { source, shell: "sh", finds, file() {} });
  return refusals.length > 0;
}

test("a here-document goes from the line behind it to the first line that is its mark", () => {
  const source = "cat <<E\na\nE\nrm x\nE\n";
  const node = heredocOf(source);
  expect(isRefused(node, source)).toBe(false);
  const last = source.lastIndexOf("E");
  for (const wrong of [
    // Beyond its mark: what comes behind that would run.
    { ...node, body: { ...node.body, end: last }, closing: { pos: last, end: last + 1 } },
    // Before its mark.
    { ...node, body: { ...node.body, end: 8 }, closing: { pos: 8, end: 9 } },
    { ...node, body: { ...node.body, pos: 10 } },
    { ...node, body: { ...node.body, pos: 0 } },
    { ...node, closing: undefined },
    { ...node, delimiter: undefined },
  ]) {
    expect(isRefused(wrong, source)).toBe(true);
  }
});

test("a redirection is as long as its target", () => {
  const source = "ls > a rm x";
  const command = parse(source).commands[0]?.command;
  const [node] = command?.type === "Command" ? command.redirects : [];
  if (node?.type !== "Redirect") throw new Error("no redirection");
  expect(isRefused(node, source)).toBe(false);
  expect(isRefused({ ...node, end: source.length }, source)).toBe(true);
  expect(isRefused({ ...node, pos: 0 }, source)).toBe(true);
  expect(isRefused({ ...node, target: undefined }, source)).toBe(true);
});
