import { afterAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, folder, startNode } from "./node.ts";
import { binary } from "./subject.ts";

afterAll(cleanUp);

/** A node, and the home of whoever connects programs to it. */
async function machine() {
  const home = folder();
  mkdirSync(join(home, "work"));
  writeFileSync(join(home, "work", "a.txt"), "inside");
  const node = await startNode({ env: { HOME: home } });
  const run = (...words: readonly string[]) => node.run(words, { env: { HOME: home }, cwd: home });
  const asAgent = (token: string, operation: string, input: object) =>
    fetch(`${node.address}/v1/${operation.replace(".", "/")}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(input),
    });
  return { home, node, run, asAgent };
}

test("a program is connected with this very file and data directory, and its settings come back", async () => {
  const { home, node, run } = await machine();
  const path = join(home, ".config", "Code", "User", "mcp.json");
  mkdirSync(join(path, ".."), { recursive: true });
  const before = '{\n\t// mine\n\t"servers": {},\n}\n';
  writeFileSync(path, before);
  const unasked = await run("mcp", "connect", "vscode");
  expect([unasked.code, readFileSync(path, "utf8")]).toEqual([2, before]);
  const connected = await run("mcp", "connect", "vscode", "--workspace", "work", "--yes");
  expect(connected).toMatchObject({ code: 0, stderr: expect.stringContaining('+\t\t"operone": {') });
  const after = readFileSync(path, "utf8");
  expect(after).toContain("// mine");
  expect(after).toContain(`"command": ${JSON.stringify(await binary())}`);
  expect(after).toContain(`"OPERONE_HOME": ${JSON.stringify(node.directory)}`);
  const agents = await run("agents");
  expect(agents.stdout).toMatch(/vscode +8 +here +no +never +never/);
  const again = await run("mcp", "connect", "vscode", "--workspace", "work", "--yes");
  expect(again.stdout).toContain("It was connected already");
  const undone = await run("mcp", "connect", "vscode", "--undo", "--yes");
  expect([undone.code, readFileSync(path, "utf8")]).toEqual([0, before]);
  expect((await run("agents")).stdout).toContain("There are no agents");
  expect(await node.stop()).toBe(0);
});

test("an agent with a token works in its workspace, widens nothing, and is refused once it has ended", async () => {
  const { home, node, run, asAgent } = await machine();
  const connected = await run("mcp", "connect", "codex", "--http", "--workspace", "work", "--yes");
  expect(connected.code).toBe(0);
  const path = join(home, ".codex", "config.toml");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const settings = readFileSync(path, "utf8");
  expect(settings).toContain(`url = "${node.address}/mcp"`);
  const token = /Bearer (opt_[\w-]+)/.exec(settings)?.[1] ?? "none";
  const file = join(home, "work", "a.txt");
  const read = await asAgent(token, "fs.read", { path: file });
  expect([read.status, await read.json()]).toEqual([200, expect.objectContaining({ text: "inside" })]);
  for (const [operation, input] of [
    ["access.agent-grant", { agent: "codex", grant: ["*=*"], acceptWarnings: true }],
    ["access.agent-add", { name: "other", grant: ["*=*"], acceptWarnings: true }],
    ["access.agent-list", {}],
    ["shell.run", { argv: ["true"], profile: "unconfined" }],
    ["node.log", {}],
  ] as const) {
    expect([operation, (await asAgent(token, operation, input)).status]).toEqual([operation, 403]);
  }
  expect((await run("audit", "--caller", "codex", "--json")).stdout).toContain("fs.read");
  const undone = await run("mcp", "disconnect", "codex", "--yes");
  expect(undone.code).toBe(0);
  expect((await asAgent(token, "fs.read", { path: file })).status).toBe(401);
  const shown = [connected.stdout, connected.stderr, undone.stdout, undone.stderr, node.errors()].join();
  expect(shown).not.toContain(token.slice(-43));
  expect(await node.stop()).toBe(0);
  const kept = [...new Bun.Glob("**").scanSync({ cwd: node.directory, absolute: true, dot: true })];
  expect(kept.length).toBeGreaterThan(3);
  expect(kept.filter((one) => readFileSync(one).includes(token.slice(-43)))).toEqual([]);
});
