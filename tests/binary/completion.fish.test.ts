import { expect, test } from "bun:test";
import { cases, sampleScript } from "./completion-scripts.ts";

function complete(words: readonly string[]): string[] {
  const line = ["operone", ...words].join(" ");
  const run = `${sampleScript("fish")}\ncomplete -C ${JSON.stringify(line)}`;
  const { stdout, stderr } = Bun.spawnSync(["fish", "--no-config", "-c", run], { cwd: import.meta.dir });
  expect(stderr.toString()).toBe("");
  const lines = stdout
    .toString()
    .split("\n")
    .filter((text) => text !== "");
  return lines.map((text) => text.split("\t")[0] ?? "");
}

test("fish offers what may follow", () => {
  for (const { typed, offered } of cases) {
    const shown = complete(typed).toSorted();
    if (offered !== undefined) expect({ typed, shown }).toEqual({ typed, shown: [...offered] });
    else
      expect({ typed, files: shown.filter((word) => !word.includes(".ts")) }).toEqual({ typed, files: [] });
  }
});

test("fish completes a value after an equals sign", () => {
  expect(complete(["sample", "echo", "--level=w"])).toEqual(["--level=warn"]);
});
