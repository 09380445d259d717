import { type Node, Visitor } from "oxc-parser";
import type { Finding, Rule, Source } from "./source.ts";
import { isTest } from "./source.ts";

const fileLinesMax = 400;
const functionLinesMax = 60;

function each(look: (source: Source) => Finding[]): Rule["check"] {
  return (tree) => tree.sources.flatMap(look);
}

const shortFiles: Rule = {
  name: `a file has at most ${fileLinesMax} lines`,
  instead: "Split it where its parts have names of their own.",
  check: each(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    return lines > fileLinesMax ? [{ path, line: fileLinesMax, found: `${lines} lines` }] : [];
  }),
  breaks: { "src/a.ts": "export const a = [\n1,\n2,\n].length;\n".repeat(101) },
  keeps: { "src/b.ts": "// 1\n".repeat(fileLinesMax) },
};

/** The functions that are the body of a `describe`: a list of tests, not one thing. */
function groups(source: Source): Set<Node> {
  const bodies = new Set<Node>();
  new Visitor({
    CallExpression({ callee, arguments: args }) {
      if (callee.type === "Identifier" && /^(describe|suite)$/.test(callee.name))
        for (const arg of args) bodies.add(arg);
    },
  }).visit(source.program);
  return bodies;
}

function longFunctions(source: Source): Finding[] {
  const findings: Finding[] = [];
  const exempt = groups(source);
  const measure = (node: Node & { id?: { name: string } | null }): void => {
    const line = source.lineAt(node.start);
    const lines = source.lineAt(node.end) - line + 1;
    if (lines <= functionLinesMax || exempt.has(node)) return;
    findings.push({ path: source.path, line, found: `${node.id?.name ?? "a function"} has ${lines} lines` });
  };
  new Visitor({
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
  }).visit(source.program);
  return findings;
}

const long = (head: string): string => `${head}${"\n  1;".repeat(functionLinesMax)}\n`;

const shortFunctions: Rule = {
  name: `a function has at most ${functionLinesMax} lines`,
  instead: "Take out a part that can be named and understood alone.",
  check: each(longFunctions),
  breaks: {
    "src/a.ts": `${long("function a() {")}}`,
    "src/b.ts": `${long("export const b = () => {")}};`,
    "src/c.ts": `${long("class C { c() {")}} }`,
    "src/d.test.ts": `${long('test("d", () => {')}});`,
  },
  keeps: {
    "src/e.ts": `function e() {${"\n  1;".repeat(functionLinesMax - 2)}\n}`,
    "src/f.test.ts": `${long('describe("f", () => {')}});`,
  },
};

const vague = /^(utils?|helpers?|commons?|managers?|misc)$/;

const names: Rule = {
  name: "a file's name says what is inside",
  instead: "Name it for the thing it holds; a name that fits everything holds everything.",
  check: ({ paths }) =>
    paths.flatMap((path) => {
      if (!/^(src|modules|scripts|tests)\//.test(path)) return [];
      const word = path.split(/[/.-]/).find((part) => vague.test(part));
      return word === undefined ? [] : [{ path, line: 1, found: `"${word}" in the name` }];
    }),
  breaks: {
    "src/utils.ts": "",
    "modules/x/token-manager.ts": "",
    "src/common/a.ts": "",
    "tests/helpers.ts": "",
  },
  keeps: { "modules/x/token.ts": "", "docs/common.md": "" },
};

const noAny: Rule = {
  name: "there is no `any`",
  instead: "Use `unknown` and a schema or a type guard.",
  check: each((source) => {
    const findings: Finding[] = [];
    new Visitor({
      TSAnyKeyword({ start }) {
        findings.push({ path: source.path, line: source.lineAt(start), found: "`any`" });
      },
    }).visit(source.program);
    return findings;
  }),
  breaks: {
    "src/a.ts": "export function a(b: any) {}",
    "src/b.ts": "export const b = (1 as any).c;",
    "src/c.ts": "export const c: Record<string, any[]> = {};",
  },
  keeps: { "src/d.ts": 'export const any = "any"; // as any' },
};

/** The one place where a type is asserted twice, because TypeScript cannot see what is true there. */
const seams: readonly string[] = [];

const noDoubleCast: Rule = {
  name: "a type is never asserted through `unknown`",
  instead: "Parse the value with a schema; a true seam is named in tests/tidy/style.ts with its reason.",
  check: each((source) => {
    const findings: Finding[] = [];
    new Visitor({
      TSAsExpression({ expression, start }) {
        if (expression.type !== "TSAsExpression" || expression.typeAnnotation.type !== "TSUnknownKeyword")
          return;
        findings.push({ path: source.path, line: source.lineAt(start), found: "`as unknown as`" });
      },
    }).visit(source.program);
    return seams.includes(source.path) ? [] : findings;
  }),
  breaks: { "src/a.ts": "export const a = 1 as unknown as string;" },
  keeps: { "src/b.ts": "export const b = 1 as unknown;" },
};

const noNonNull: Rule = {
  name: "there is no non-null `!`",
  instead: "Handle the missing value, or make it impossible in the type.",
  check: each((source) => {
    const findings: Finding[] = [];
    new Visitor({
      TSNonNullExpression({ end }) {
        findings.push({ path: source.path, line: source.lineAt(end), found: "`!`" });
      },
    }).visit(source.program);
    return findings;
  }),
  breaks: { "src/a.ts": "export const a = [1][0]!;" },
  keeps: { "src/b.ts": "export const b = !1 !== true;" },
};

const bannedComment =
  /@ts-(ignore|nocheck|expect-error)|\b(TODO|FIXME|XXX|HACK)\b|\bbiome-ignore\b(?!.*: \S)/;

const comments: Rule = {
  name: "comments hide no work and silence no checker",
  instead: "Do it now, or leave it out; a lint exception needs `biome-ignore <rule>: <reason>`.",
  check: each((source) =>
    source.comments.flatMap(({ value, start }) => {
      const found = bannedComment.exec(value)?.[0];
      return found === undefined
        ? []
        : [{ path: source.path, line: source.lineAt(start), found: `"${found}"` }];
    }),
  ),
  breaks: {
    "src/a.ts": "// @ts-ignore\nexport const a = 1;",
    "src/b.ts": "/* TODO: finish */",
    "src/c.ts": "/**\n * FIXME\n */",
    "src/d.ts": "// @ts-expect-error\n",
  },
  keeps: {
    "src/e.ts": 'export const e = "TODO"; // todos are a noun here\n// biome-ignore lint/a/b: a reason\n',
  },
};

const testCall = /^(test|it|describe|suite)$/;

const noSkips: Rule = {
  name: "no test is skipped, alone or planned",
  instead:
    "Fix it or delete it; what the machine lacks is said by the file's name, see scripts/check/needs.ts.",
  check: each((source) => {
    const findings: Finding[] = [];
    new Visitor({
      MemberExpression({ object, property, start }) {
        if (object.type !== "Identifier" || !testCall.test(object.name) || property.type !== "Identifier")
          return;
        if (!/^(skip|only|todo|failing|skipIf|todoIf|if)$/.test(property.name)) return;
        findings.push({
          path: source.path,
          line: source.lineAt(start),
          found: `${object.name}.${property.name}`,
        });
      },
    }).visit(source.program);
    return isTest(source.path) ? findings : [];
  }),
  breaks: {
    "src/a.test.ts": 'test.skip("a", () => {});',
    "src/b.test.ts": 'describe.only("b", () => {});',
    "src/c.test.ts": 'it.todo("c");',
    "src/d.test.ts": 'test.skipIf(process.getuid() !== 0)("d", () => {});',
  },
  keeps: { "src/e.test.ts": 'test.each([1])("e", () => {});', "src/f.ts": "export const f = test.only;" },
};

export const styleRules: readonly Rule[] = [
  shortFiles,
  shortFunctions,
  names,
  noAny,
  noDoubleCast,
  noNonNull,
  comments,
  noSkips,
];
