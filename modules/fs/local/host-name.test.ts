import { expect, test } from "bun:test";
import { assertNameHere, windowsProblem } from "./host-name.ts";

test("on Windows devices, streams and endings that it drops are no names", () => {
  for (const name of ["con", "NUL", "com1", "LPT9.txt", "aux .log", "a:b", "a?", "a\\b", "a ", "a.", "\x01"])
    expect([name, typeof windowsProblem(name)]).toEqual([name, "string"]);
  for (const name of ["console", "nul1", "a.b", "ä b", ".hidden", "comm"])
    expect(windowsProblem(name)).toBeUndefined();
});

test("elsewhere they are names as any other", () => {
  expect(() => assertNameHere("nul", "linux")).not.toThrow();
  expect(() => assertNameHere("nul", "win32")).toThrow("device of Windows");
});
