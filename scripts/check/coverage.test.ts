import { expect, test } from "bun:test";
import { codeLines, readLcov } from "./coverage.ts";

test("lcov is read as lines hit of lines found, for src and modules without tests", () => {
  const record = (file: string, ...hits: number[]) =>
    `TN:\nSF:${file}\n${hits.map((count, at) => `DA:${at + 1},${count}`).join("\n")}\nend_of_record\n`;
  const lcov =
    record("src/a.ts", 1, 0, 7) +
    record("/r/modules/x/y.ts", 0) +
    record("src/a.test.ts", 1) +
    record("z.ts", 1);
  expect(readLcov(lcov, "/r")).toEqual([
    { file: "src/a.ts", hit: 2, found: 3 },
    { file: "modules/x/y.ts", hit: 0, found: 1 },
  ]);
});

test("a file of types has no lines of code", () => {
  expect(
    codeLines('import type { A } from "./a.ts";\n/** doc */\nexport interface B extends A { b: 1 }\n'),
  ).toBe(0);
  expect(codeLines("export const a: number = 1;\n")).toBe(1);
});
