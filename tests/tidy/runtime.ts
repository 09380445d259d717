import { type Argument, type Expression, Visitor } from "oxc-parser";
import type { Finding, Rule, Source } from "./source.ts";
import { isTest } from "./source.ts";

const portable = /^src\/(kernel|surface)\//;

/** `Bun.<name>` in a file, with the name. */
function bunUses(source: Source): (Finding & { name: string })[] {
  const uses: (Finding & { name: string })[] = [];
  new Visitor({
    MemberExpression({ object, property, start }) {
      if (object.type !== "Identifier" || object.name !== "Bun" || property.type !== "Identifier") return;
      const { name } = property;
      uses.push({ path: source.path, line: source.lineAt(start), found: `Bun.${name}`, name });
    },
  }).visit(source.program);
  return uses;
}

const runsOnDeno: Rule = {
  name: "the kernel and the surfaces use web and node: APIs only",
  instead: "They run under Deno too: take it as a port, or use the web or node: API for it.",
  check: ({ sources }) =>
    sources
      .filter(({ path }) => portable.test(path))
      .flatMap((source) => [
        ...bunUses(source),
        ...source.imports
          .filter(({ from }) => /^bun(:|$)/.test(from))
          .map(({ from, line }) => ({ path: source.path, line, found: `imports "${from}"` })),
      ]),
  breaks: {
    "src/kernel/a.ts": "export const a = Bun.version;",
    "src/surface/b.test.ts": 'import { test } from "bun:test";',
  },
  keeps: { "modules/x/a.ts": "export const a = Bun.version;", "src/kernel/b.ts": "// not Bun.serve" },
};

const processCalls = new Set(["spawn", "spawnSync", "$"]);
const fileCalls = new Set(["file", "write"]);

const outside: Rule = {
  name: "processes start, and files are opened, in src/platform",
  instead: "Use the Processes or the Files port.",
  check: ({ sources }) =>
    sources
      .filter(
        ({ path }) => /^(src|modules)\//.test(path) && !isTest(path) && !path.startsWith("src/platform/"),
      )
      .flatMap((source) =>
        bunUses(source).filter(
          ({ name }) =>
            processCalls.has(name) || (fileCalls.has(name) && !source.path.startsWith("modules/fs/")),
        ),
      ),
  breaks: {
    "modules/x/a.ts": 'Bun.spawn(["true"]);',
    "src/command/b.ts": 'await Bun.write("a", "b");',
  },
  keeps: {
    "src/platform/a.ts": 'Bun.spawn(["true"]);',
    "modules/x/b.test.ts": "Bun.spawnSync([]);",
    "modules/fs/c.ts": 'Bun.file("a");',
  },
};

function isPort(value: Expression | Argument): boolean {
  return value.type === "Literal" && typeof value.value === "number" && value.value > 0;
}

/** `port: 1234` among the settings of a call. */
function fixedPort(argument: Argument): boolean {
  if (argument.type !== "ObjectExpression") return false;
  return argument.properties.some(
    (property) =>
      property.type === "Property" &&
      property.key.type === "Identifier" &&
      property.key.name === "port" &&
      isPort(property.value),
  );
}

const listens = /^(serve|listen|udpSocket|createServer)$/;
const fetches = /^(fetch|connect|WebSocket)$/;
const address = /^(https?|wss?):\/\/(127\.0\.0\.1|localhost|\[::1\]):[1-9]\d*/;

function portFindings(source: Source): Finding[] {
  const findings: Finding[] = [];
  const look = (call: { callee: Expression; arguments: Argument[]; start: number }): void => {
    const { callee } = call;
    const inner = callee.type === "MemberExpression" ? callee.property : callee;
    const name = inner.type === "Identifier" ? inner.name : "";
    const [first] = call.arguments;
    const fixed =
      (listens.test(name) &&
        call.arguments.some((one) => fixedPort(one) || (name === "listen" && isPort(one)))) ||
      (fetches.test(name) && first?.type === "Literal" && address.test(String(first.value)));
    if (fixed)
      findings.push({ path: source.path, line: source.lineAt(call.start), found: `${name} on a fixed port` });
  };
  new Visitor({ CallExpression: look, NewExpression: look }).visit(source.program);
  return findings;
}

const freePorts: Rule = {
  name: "no test uses a fixed port",
  instead: "Listen on port 0 and ask the server which one it got.",
  check: ({ sources }) => sources.filter(({ path }) => isTest(path)).flatMap(portFindings),
  breaks: {
    "tests/a.test.ts": "Bun.serve({ port: 3000, fetch });",
    "src/b.test.ts": "server.listen(8080);",
    "src/c.test.ts": 'await fetch("http://127.0.0.1:6737/v1");',
    "src/d.test.ts": 'new WebSocket("ws://localhost:6737");',
  },
  keeps: { "src/e.test.ts": 'Bun.serve({ port: 0 }); server.listen(0); parse("http://127.0.0.1:6737");' },
};

export const runtimeRules: readonly Rule[] = [runsOnDeno, outside, freePorts];
