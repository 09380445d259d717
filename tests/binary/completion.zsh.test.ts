import { expect, test } from "bun:test";
import { cases, sampleScript } from "./completion-scripts.ts";

/** The completion system's own functions need a terminal; these print what they are given instead. */
const stubs = `
compdef() { }
_files() { print files }
compset() { IPREFIX="\${PREFIX%%=*}="; PREFIX="\${PREFIX#*=}" }
_describe() { local -a shown; shown=("\${(@P)argv[-1]}"); print -l -- "\${(@M)\${(@)shown%%:*}:#\${(b)PREFIX}*}" }
`;

function complete(words: readonly string[]): string[] {
  const run = `${stubs}${sampleScript("zsh")}
words=(operone "$@"); CURRENT=$#words; PREFIX="$words[-1]"; _operone`;
  const { stdout, stderr } = Bun.spawnSync(["zsh", "-f", "-c", run, "zsh", ...words]);
  expect(stderr.toString()).toBe("");
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "");
}

test("zsh offers what may follow", () => {
  for (const { typed, offered } of cases) {
    // Where words may follow but none begins so, zsh offers none of them; elsewhere it offers files.
    const shown = complete(typed)
      .filter((word) => word !== "files")
      .toSorted();
    expect({ typed, shown }).toEqual({ typed, shown: [...(offered ?? [])] });
  }
});

test("zsh completes a value after an equals sign", () => {
  expect(complete(["sample", "echo", "--level=w"])).toEqual(["warn"]);
});

test("zsh takes the script as a completion of its own", () => {
  const run = `${sampleScript("zsh")}\nprint $_comps[operone]`;
  const { stdout, stderr } = Bun.spawnSync([
    "zsh",
    "-f",
    "-c",
    `autoload -U compinit; compinit -D -u; ${run}`,
  ]);
  expect({ out: stdout.toString(), err: stderr.toString() }).toEqual({ out: "_operone\n", err: "" });
});
