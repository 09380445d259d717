import { expect, test } from "bun:test";
import { cases, sampleScript } from "./completion-scripts.ts";

/** Runs the function as bash would, and prints what it offers. */
function complete(words: readonly string[]): string[] {
  const run = `${sampleScript("bash")}
COMP_WORDS=(operone "$@"); COMP_CWORD=$#; _operone; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = Bun.spawnSync(["bash", "--norc", "-c", run, "bash", ...words]);
  expect(stderr.toString()).toBe("");
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "");
}

test("bash offers what may follow", () => {
  for (const { typed, offered = [] } of cases) {
    expect({ typed, offered: complete(typed).toSorted() }).toEqual({ typed, offered: [...offered] });
  }
});

test("bash completes a value after an equals sign, which readline splits off", () => {
  expect(complete(["sample", "echo", "--level", "=", "w"])).toEqual(["warn"]);
  expect(complete(["sample", "echo", "--level", "="])).toEqual(["info", "warn"]);
  expect(complete(["sample", "echo", "--level", "=", "warn", "--jso"])).toEqual(["--json"]);
});
