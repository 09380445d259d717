import { afterAll, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, folder, run, runProgram, startNode, type Welcome } from "./node.ts";

afterAll(cleanUp);

test("the first start prints where the node is, and three lines that work when pasted", async () => {
  const directory = join(folder(), "new", "place");
  const node = await startNode({ directory });
  const { welcome } = node;
  expect(welcome.addresses[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  for (const file of [welcome.socket, welcome.ownerToken]) expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(welcome.try.length).toBe(3);
  for (const line of welcome.try) {
    expect(line).toStartWith(line.includes("authorization") ? "(printf" : "curl");
    const pasted = await runProgram(["bash", "-c", line]);
    expect({ line, code: pasted.code, stderr: pasted.stderr }).toEqual({ line, code: 0, stderr: "" });
    if (line.includes("uname")) {
      const items = pasted.stdout
        .trim()
        .split("\n")
        .filter((text) => text !== "");
      expect(items.map((text) => JSON.parse(text)).at(-1).exit.code).toBe(0);
      expect(pasted.stdout).toContain("Linux");
    } else {
      expect(JSON.parse(pasted.stdout).pid).toBe(welcome.pid);
    }
  }
  expect(await node.stop()).toBe(0);
});

test("the text for people has the same three lines", async () => {
  const directory = join(folder(), "d");
  const started = await run(["up", "--detach", "--data", directory, "--set", "http.port=0"]);
  expect(started.code).toBe(0);
  expect(started.stdout).toContain("is running (process ");
  expect(started.stdout).toContain(`socket       ${directory}/operone.sock`);
  expect(started.stdout).toContain(`owner token  ${directory}/owner.token`);
  const lines = started.stdout.split("\n").filter((line) => /^ {2}(curl|\(printf)/.test(line));
  expect(lines.length).toBe(3);
  for (const line of lines) expect((await runProgram(["bash", "-c", line])).code).toBe(0);
  expect((await run(["down", "--data", directory])).code).toBe(0);
});

test("a folder with spaces, quotes and other letters works, and the pasted lines too", async () => {
  const directory = join(folder(), "mein Ordner's ü 数据");
  const node = await startNode({ directory });
  for (const line of node.welcome.try) {
    const pasted = await runProgram(["bash", "-c", line]);
    expect({ line, code: pasted.code, stderr: pasted.stderr }).toEqual({ line, code: 0, stderr: "" });
  }
  expect((await node.run(["status"])).code).toBe(0);
  expect(await node.stop()).toBe(0);
});

test("the owner's token never stands on a command line that is printed", async () => {
  const node = await startNode();
  const token = await node.token();
  expect(JSON.stringify(node.welcome satisfies Welcome)).not.toContain(token);
  expect(node.welcome.try.join("\n")).not.toContain("$(");
  await node.stop();
});
