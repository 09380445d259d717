import { expect, test } from "bun:test";
import fc from "fast-check";
import { commandOf, parseCommand, takeDataOption } from "./arguments.ts";
import type { Command } from "./command.ts";

const command = (words: string, more: Partial<Command> = {}): Command => ({
  words,
  summary: words,
  run: () => Promise.resolve(0),
  ...more,
});

test("the data option may stand anywhere before --, and nothing behind it is touched", () => {
  expect(takeDataOption(["--data", "/d", "up"])).toEqual({ data: "/d", rest: ["up"] });
  expect(takeDataOption(["status", "--data=/a b"])).toEqual({ data: "/a b", rest: ["status"] });
  expect(takeDataOption(["shell", "run", "--", "tar", "--data", "x"])).toEqual({
    data: undefined,
    rest: ["shell", "run", "--", "tar", "--data", "x"],
  });
  expect(() => takeDataOption(["up", "--data"])).toThrow("--data names no folder");
});

test("without the option every command line stays as it is", () => {
  const word = fc.string().filter((text) => !text.startsWith("--data"));
  fc.assert(
    fc.property(fc.array(word), (argv) => {
      expect(takeDataOption(argv)).toEqual({ data: undefined, rest: argv });
    }),
  );
});

test("the command with the most words wins", () => {
  const commands = [command("config"), command("config check"), command("up")];
  expect(commandOf(commands, ["config", "check", "x"])).toEqual({
    command: commands[1] as Command,
    rest: ["x"],
  });
  expect(commandOf(commands, ["config", "x"])?.command.words).toBe("config");
  expect(commandOf(commands, ["shell", "run"])).toBeUndefined();
});

test("options are read by their declaration", () => {
  const up = command("up", {
    options: {
      set: { type: "string", multiple: true, summary: "" },
      detach: { type: "boolean", summary: "" },
    },
  });
  const parsed = parseCommand(up, ["--set", "a=1", "--detach", "--set=b=2", "--json"]);
  expect(parsed.texts("set")).toEqual(["a=1", "b=2"]);
  expect(parsed.flag("detach")).toBe(true);
  expect(parsed.json).toBe(true);
  expect(() => parseCommand(up, ["--detatch"])).toThrow("did you mean --detach?");
  expect(() => parseCommand(up, ["--set"])).toThrow("--set needs a value");
  expect(() => parseCommand(up, ["--detach=1"])).toThrow("takes no value");
  expect(() => parseCommand(up, ["-d"])).toThrow("has no option -d");
  expect(() => parseCommand(up, ["--toString"])).toThrow("has no option --toString");
});

test("missing and surplus words are refused with the usage", () => {
  const restore = command("restore", {
    positional: ["FILE"],
    options: { at: { type: "string", summary: "" } },
  });
  expect(parseCommand(restore, ["x"]).positional).toEqual(["x"]);
  expect(() => parseCommand(restore, [])).toThrow('"operone restore" needs FILE; write operone restore FILE');
  expect(() => parseCommand(restore, ["a", "b"])).toThrow('"b" is one word too many');
  expect(() => parseCommand(restore, ["a", "--at", "1", "--at", "2"])).toThrow("given more than once");
  expect(parseCommand(restore, ["--help"]).help).toBe(true);
});
