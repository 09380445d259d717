import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLocked } from "../platform/lock.ts";
import { dataPaths } from "../platform/paths.ts";
import { type RunningNode, startNode } from "./node.ts";
import { welcomeFacts } from "./welcome.ts";

const made: string[] = [];
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "on-"));
  made.push(path);
  return path;
}
const running: RunningNode[] = [];
afterEach(async () => {
  for (const node of running.splice(0)) await node.stop();
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

async function start(directory: string, ...settings: readonly string[]): Promise<RunningNode> {
  const node = await startNode({ directory, settings: ["http.port=0", ...settings], background: true });
  running.push(node);
  return node;
}

test("a started node answers where it says, and its token is there to be read", async () => {
  const directory = join(folder(), "d");
  const node = await start(directory, "node.name=attic");
  const facts = welcomeFacts(node);
  expect(facts.addresses[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const token = (await Bun.file(facts.ownerToken).text()).trim();
  const url = `${facts.addresses[0]}/v1/node/status`;
  const status = await (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).json();
  // The doors open before every module is ready.
  const state = expect.stringMatching(/^(starting|ready)$/);
  expect(status).toMatchObject({ name: "attic", state, dataDirectory: directory });
  for (const file of [facts.socket, facts.ownerToken, node.paths.lock, node.paths.holder]) {
    expect(statSync(file).mode & 0o077).toBe(0);
  }
});

test("a second node in the same folder is refused, and the first one does not notice", async () => {
  const directory = folder();
  const node = await start(directory);
  await expect(start(directory)).rejects.toThrow(`process ${process.pid}, since`);
  expect(node.kernel.view.modules().every(({ state }) => ["starting", "ready"].includes(state))).toBe(true);
});

test("a stopped node leaves neither its socket nor its lock nor its name", async () => {
  const directory = folder();
  const node = await start(directory);
  await node.stop();
  await node.stop();
  const paths = dataPaths(directory);
  expect(isLocked(paths)).toBe(false);
  expect(existsSync(paths.socket)).toBe(false);
  expect(existsSync(paths.holder)).toBe(false);
  await (await start(directory)).stop();
});

test("a start that fails says why, and leaves nothing running and nothing locked", async () => {
  const directory = folder();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(start(directory, `http.port=${port}`)).rejects.toThrow(`Port ${port}`);
  await new Promise((resolve) => server.close(resolve));
  expect(isLocked(dataPaths(directory))).toBe(false);
  expect(existsSync(dataPaths(directory).socket)).toBe(false);
  writeFileSync(join(directory, "config.toml"), "[shell]\ncommandMax = 1\n");
  await expect(start(directory)).rejects.toThrow('did you mean "shell.commandsMax"?');
});

test("what was half written by a killed node is cleared at the next start", async () => {
  const directory = folder();
  await (await start(directory)).stop();
  const half = [
    join(directory, ".owner.token.0123456789ab.tmp"),
    join(directory, "access", ".x.0123456789ab.tmp"),
  ];
  for (const file of half) writeFileSync(file, "half");
  await start(directory);
  expect(half.some(existsSync)).toBe(false);
});
