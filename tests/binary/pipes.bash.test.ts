import { afterAll, expect, test } from "bun:test";
import { cleanUp, folder } from "./node.ts";
import { binary } from "./subject.ts";

afterAll(cleanUp);

test("a reader that leaves early ends the program quietly, whatever it prints", async () => {
  const program = await binary();
  const env = { PATH: process.env.PATH ?? "", OPERONE_HOME: folder() };
  for (const words of ["api openapi", "api page", "config explain", "completion bash", "--help"]) {
    const line = `"${program}" ${words} | head -c 1`;
    const child = Bun.spawn(["bash", "-o", "pipefail", "-c", line], { env, stdout: "pipe", stderr: "pipe" });
    expect([words, await child.exited, await child.stderr.text()]).toEqual([words, 0, ""]);
  }
});

test("an output that cannot be written is named as such", async () => {
  const program = await binary();
  const env = { PATH: process.env.PATH ?? "", OPERONE_HOME: folder() };
  const child = Bun.spawn(["bash", "-c", `"${program}" api openapi > /dev/full`], { env, stderr: "pipe" });
  expect(await child.exited).toBe(1);
  expect(await child.stderr.text()).toMatch(/^operone: the output cannot be written: .*no space.*\n$/i);
});
