import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleModule } from "../../tests/surface/sample-module.ts";
import { findCommand } from "./commands.ts";
import { commandLineHelp, helpForAll, helpForModule, helpForOperation, shellQuote } from "./help.ts";
import { textWidth } from "./text.ts";

const table = new Map(sampleModule.operations.map((operation) => [operation.id, operation]));
const line = { table, modules: [sampleModule], commands: [{ words: "up", summary: "Run a node" }] };

function operation(...words: string[]) {
  const found = findCommand(line, words);
  return found.kind === "operation" ? found.operation : assert.fail();
}

test("help for an operation says how to call it and what comes of it", () => {
  const text = helpForOperation(operation("sample", "echo"), 80);
  for (const part of [
    "  operone sample echo [options] TEXT [NAMES...]",
    "  operone echo [options] TEXT [NAMES...]",
    "Every kind of field goes in and comes out again.",
    "TEXT ",
    "Any text (required)",
    "--count NUMBER",
    "How often [default: 3]",
    "--[no-]deep",
    "--level info|warn",
    "--environment KEY=TEXT",
    "--nodes *|TEXT",
    "--filter JSON",
    "-h, --help",
    "  # With a default\n  operone sample echo --deep -- hi",
    "Effect: read. Needs: sample.use.",
    "0 done, 2 invalid_input",
  ]) {
    assert.ok(text.includes(part), `${part}\n\n${text}`);
  }
  assert.doesNotMatch(text, /--output|--stdin-file|--idempotency-key/);
});

test("exit codes are told from the smallest on, and 0 before them", () => {
  const [, told = ""] = /Exit codes: ([^.]*)/.exec(helpForOperation(operation("sample", "store"), 80)) ?? [];
  const exits = told.split(",").map((one) => Number.parseInt(one, 10));
  assert.ok(exits.length > 3);
  assert.deepEqual(
    exits,
    exits.toSorted((a, b) => a - b),
  );
});

test("help shows only what fits the operation", () => {
  assert.match(helpForOperation(operation("sample", "store"), 80), /--stdin-file FILE/);
  assert.match(helpForOperation(operation("sample", "store"), 80), /Reads bytes from stdin/);
  assert.match(helpForOperation(operation("sample", "file"), 80), /--output FILE/);
  assert.match(
    helpForOperation(operation("sample", "crash"), 80),
    /125 for every failure of the call itself/,
  );
});

test("help for a module and for operone list what the command line has, and nothing else", () => {
  const all = helpForAll(line, 80);
  for (const part of ["  up ", "Run a node", "  sample ", "  echo "]) assert.ok(all.includes(part), part);
  const module = helpForModule(line, "sample", 80);
  assert.ok(module.includes("  near "));
  assert.ok(!module.includes("far"));
});

test("who types what other programs call it is told what it is here", () => {
  const refused = (...words: string[]) => {
    try {
      return findCommand(line, words).kind;
    } catch (error) {
      return String(error);
    }
  };
  for (const words of [["print"], ["print", "hi"], ["sample", "print"]])
    assert.match(refused(...words), /no command "[a-z ]*print"; did you mean "operone sample echo"\?/);
  assert.doesNotMatch(refused("other", "print"), /sample echo/);
});

test("a path says how it is typed here, and other words do not", () => {
  const echo = operation("sample", "echo");
  const typed = /lies in the folder where you are/;
  assert.doesNotMatch(helpForOperation(echo, 200), typed);
  assert.match(helpForOperation({ ...echo, cli: { ...echo.cli, paths: ["text"] } }, 200), typed);
});

test("help is found in every spelling", () => {
  assert.equal(findCommand(line, []).kind, "all");
  assert.equal(findCommand(line, ["help"]).kind, "all");
  assert.equal(findCommand(line, ["-h"]).kind, "all");
  for (const words of [
    ["sample", "-h"],
    ["-h", "sample"],
    ["help", "sample"],
  ]) {
    assert.deepEqual(findCommand(line, words), { kind: "module", module: "sample", help: true });
  }
  for (const words of [
    ["help", "sample", "echo"],
    ["help", "echo"],
    ["--help", "sample", "echo"],
    ["echo", "--help"],
  ]) {
    const found = findCommand(line, words);
    assert.ok(found.kind === "operation" && found.rest.includes("--help"), words.join(" "));
  }
});

test("lines stay within the terminal", () => {
  for (const { id } of commandLineHelp(table)) {
    const one = table.get(id) ?? assert.fail();
    const long = helpForOperation(one, 60)
      .split("\n")
      .filter((text) => textWidth(text) > 60 && !text.includes("operone "));
    assert.deepEqual(long, []);
  }
});

test("example words are quoted for a shell only where they must be", () => {
  assert.equal(shellQuote("a/b.txt"), "a/b.txt");
  assert.equal(shellQuote("a b"), "'a b'");
  assert.equal(shellQuote("it's"), "'it'\\''s'");
  assert.equal(shellQuote(""), "''");
});
