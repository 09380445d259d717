import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";
import { operationsOf } from "../kernel/operation.ts";
import { argumentsFromInput, inputOf, parseArguments } from "./arguments.ts";

const run = operationsOf<null>("shell")({
  name: "run",
  summary: "Run",
  effect: "write",
  needs: [],
  takes: "bytes",
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({
    argv: v.array(v.string()),
    workDirectory: v.optional(v.string()),
    deep: v.optional(v.boolean()),
    labels: v.optional(v.array(v.string())),
    limit: v.nullish(v.number()),
    environment: v.optional(v.record(v.string(), v.string())),
  }),
  output: v.unknown(),
  cli: { positional: ["argv"] },
  run: () => null,
});

const parse = (...words: string[]) => parseArguments(run, "operone shell run", words);
const input = (...words: string[]) => inputOf(run, parse(...words), undefined);
const refused = (words: string[], part: string) =>
  assert.throws(
    () => parse(...words),
    (error) =>
      error instanceof OperoneError && error.code === "invalid_input" && error.message.includes(part),
    part,
  );

test("words and options may stand in any order; after -- everything is a word", () => {
  assert.deepEqual(input("--deep", "ls", "--work-directory", "/a", "--", "-l", "--deep"), {
    deep: true,
    workDirectory: "/a",
    argv: ["ls", "-l", "--deep"],
  });
});

test("a value follows its option or an equals sign, and may look like anything", () => {
  assert.deepEqual(input("--work-directory=--deep", "--limit", "-5", "--environment", "A=b=c"), {
    workDirectory: "--deep",
    limit: -5,
    environment: { A: "b=c" },
  });
  assert.deepEqual(input("--workDirectory", "-"), { workDirectory: "-" });
});

test("--no- says false, an empty list or null", () => {
  assert.deepEqual(input("--no-deep", "--no-labels", "--no-limit"), { deep: false, labels: [], limit: null });
  refused(["--no-deep=1"], "takes no value");
  refused(["--no-work-directory"], "--no-work-directory is no option");
});

test("--option:json takes the whole value", () => {
  assert.deepEqual(input('--labels:json=["a"]', "--work-directory:json", '"x"'), {
    labels: ["a"],
    workDirectory: "x",
  });
});

test("the command line's own options are told apart from the operation's", () => {
  const { given, pairs } = parse("--json", "--node", "pi", "--timeout=5s", "-h", "--stdin-file", "f", "ls");
  assert.deepEqual(
    [...given],
    [
      ["json", ""],
      ["node", "pi"],
      ["timeout", "5s"],
      ["help", ""],
      ["stdin-file", "f"],
    ],
  );
  assert.deepEqual(pairs, [["argv", "ls"]]);
  refused(["--node", "a", "--node", "b"], "more than once");
});

test("an unknown option is refused with the nearest known one, or with where words go", () => {
  refused(["--work-direktory", "x"], "did you mean --work-directory?");
  refused(["--jsno"], "did you mean --json?");
  refused(["ls", "-l"], 'words for it go after "--"');
  refused(["--output", "f"], "--output is no option");
});

test("an option without its value is refused, also when the next word is an option", () => {
  refused(["--work-directory"], "needs a value");
  refused(["--work-directory", "--deep"], "write --work-directory=VALUE");
  refused(["--node", "--"], "needs a value");
});

test("a word that nothing takes is refused", () => {
  const none = { ...run, cli: {} };
  assert.throws(
    () => parseArguments(none, "operone x y", ["ls"]),
    /"ls" is one word too many; it takes options only/,
  );
});

test("a command line made from an input guards the words of a list", () => {
  assert.deepEqual(
    argumentsFromInput(run, { argv: ["ls", "-l"], deep: false, labels: [], workDirectory: "-x" }),
    ["--no-deep", "--labels:json=[]", "--work-directory=-x", "--", "ls", "-l"],
  );
});

test("a node is named only for what can run on another one", () => {
  const here = operationsOf<null>("shell")({
    name: "here",
    summary: "Run here",
    effect: "read",
    needs: [],
    input: v.strictObject({}),
    output: v.null(),
    run: () => null,
  });
  assert.throws(() => parseArguments(here, "operone shell here", ["--node", "pi"]), /--node/);
});
