import { expect, test } from "bun:test";
import { cleanSelfEnvironment, injectingVariables, isCompiled, selfCommand } from "./self.ts";

test("variables that inject code are known, and the emulator's are left alone", () => {
  const environment = {
    BUN_OPTIONS: "--preload=x",
    BUN_INSPECT: "0",
    BUN_INSPECT_PRELOAD: "x",
    NODE_OPTIONS: "-r x",
    BUN_JSC_useConcurrentJIT: "0",
    PATH: "/bin",
  };
  expect([...injectingVariables(environment)].sort()).toEqual([
    "BUN_INSPECT",
    "BUN_INSPECT_PRELOAD",
    "BUN_OPTIONS",
    "NODE_OPTIONS",
  ]);
});

test("the environment for a node has none of them", () => {
  process.env.BUN_INSPECT_NOTIFY = "x";
  try {
    expect(cleanSelfEnvironment().BUN_INSPECT_NOTIFY).toBeUndefined();
    expect(cleanSelfEnvironment().PATH).toBe(process.env.PATH ?? "");
  } finally {
    delete process.env.BUN_INSPECT_NOTIFY;
  }
});

test("from source the program is Bun and a file", () => {
  expect(isCompiled()).toBe(false);
  expect(selfCommand()).toEqual([process.execPath, Bun.main]);
});
