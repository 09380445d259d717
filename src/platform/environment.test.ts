import { expect, test } from "bun:test";
import { userInfo } from "node:os";
import { cleanEnvironment, ownVariables } from "./environment.ts";

test("a child knows the account's name without USER in the node's environment", () => {
  const { USER, LOGNAME } = cleanEnvironment({ PATH: "/bin" });
  expect(USER).toBe(LOGNAME as string);
  expect(USER).not.toBe("unknown");
  if (userInfo().uid === 0) expect(USER).toBe("root");
  expect(cleanEnvironment({ USER: "ada" }).USER).toBe("ada");
});

test("nothing by which code could be injected is passed on", () => {
  const given = {
    BUN_OPTIONS: "x",
    NODE_OPTIONS: "x",
    LD_PRELOAD: "x",
    OPERONE_HOME: "x",
    SECRET: "x",
    LANG: "C",
  };
  const child = cleanEnvironment(given);
  expect(Object.keys(child).filter((name) => name in given)).toEqual(["LANG"]);
});

test("the path holds no entry that depends on the current folder", () => {
  expect(cleanEnvironment({ PATH: ".:/bin::bin:/usr/bin" }).PATH).toBe("/bin:/usr/bin");
  expect(cleanEnvironment({ PATH: "." }).PATH).toMatch(/^\/usr\/local\/sbin:/);
});

test("variables that are named are passed on, and those that are not set are left out", () => {
  expect(ownVariables(["EDITOR", "NONE"], { EDITOR: "vi", TOKEN: "hunter2" })).toEqual({ EDITOR: "vi" });
});
