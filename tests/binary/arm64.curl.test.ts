import { afterAll, expect, test } from "bun:test";
import { cleanUp, runProgram, startNode } from "./node.ts";
import { arm64 } from "./subject.ts";

afterAll(cleanUp);

test("a node of the file for 64-bit ARM starts and answers curl on both doors", async () => {
  const words = await arm64();
  const program = words.at(-1) ?? "";
  // A child of the node would need the emulator too, so the line that runs a command is left out.
  const node = await startNode({ runner: words.slice(0, -1), program });
  const lines = node.welcome.try.filter((line) => !line.includes("shell/run"));
  expect(lines.length).toBe(2);
  for (const line of lines) {
    const pasted = await runProgram(["bash", "-c", line]);
    expect({ line, code: pasted.code, stderr: pasted.stderr }).toEqual({ line, code: 0, stderr: "" });
    expect(JSON.parse(pasted.stdout).cpu).toBe("arm64");
  }
  expect(await node.stop()).toBe(0);
}, 120_000);
