import { afterEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLocked, livingHolder, takeLock } from "./lock.ts";
import { dataDirectory, dataPaths, isDataDirectory, prepareDataDirectory } from "./paths.ts";
import { startMarkOf } from "./process-identity.ts";

const made: string[] = [];
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "operone lock ü "));
  made.push(path);
  return path;
}
const isConfig = (name: string) => name === "config.toml";
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** Takes the lock in a process of its own and says so; holds it until its stdin ends. */
const holderProgram = `
  const { takeLock } = await import(${JSON.stringify(join(import.meta.dir, "lock.ts"))});
  const { dataPaths } = await import(${JSON.stringify(join(import.meta.dir, "paths.ts"))});
  try { takeLock(dataPaths(process.argv.at(-1)), "1", Date.now()); console.log("held"); }
  catch (error) { console.log(error.code + " " + error.message); process.exit(1); }
  for await (const _ of Bun.stdin.stream()) {}
`;

function holder(directory: string) {
  return Bun.spawn([process.execPath, "-e", holderProgram, directory], { stdin: "pipe", stdout: "pipe" });
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value).trim();
}

test("a second taker is told who holds the lock and since when", () => {
  const paths = dataPaths(folder());
  const lock = takeLock(paths, "1.2.3", Date.UTC(2026, 0, 2));
  expect(() => takeLock(paths, "1.2.3", 0)).toThrow(
    new RegExp(`process ${process.pid}, since 2026-01-02T00:00:00.000Z; "operone status"`),
  );
  expect(isLocked(paths)).toBe(true);
  lock.release();
  lock.release();
  expect(isLocked(paths)).toBe(false);
  expect(existsSync(paths.holder)).toBe(false);
});

test("the lock falls with a process that is killed", async () => {
  const directory = folder();
  const paths = dataPaths(directory);
  const child = holder(directory);
  expect(await firstLine(child.stdout)).toBe("held");
  expect(livingHolder(paths)?.pid).toBe(child.pid);
  expect(() => takeLock(paths, "1", 0)).toThrow(`process ${child.pid}`);
  child.kill("SIGKILL");
  await child.exited;
  expect(isLocked(paths)).toBe(false);
  expect(livingHolder(paths)).toBeUndefined();
  takeLock(paths, "1", 0).release();
});

test("a lock that nobody refers to is not collected as garbage", () => {
  const paths = dataPaths(folder());
  takeLock(paths, "1", 0);
  Bun.gc(true);
  expect(isLocked(paths)).toBe(true);
});

test("a child of the holder does not keep the lock", async () => {
  const directory = folder();
  const program = `${holderProgram.replace('console.log("held");', 'const c = Bun.spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore"] }); console.log(c.pid);')}`;
  const child = Bun.spawn([process.execPath, "-e", program, directory], { stdin: "pipe", stdout: "pipe" });
  const grandchild = Number(await firstLine(child.stdout));
  child.kill("SIGKILL");
  await child.exited;
  expect(startMarkOf(grandchild)).toBeDefined();
  expect(isLocked(dataPaths(directory))).toBe(false);
  process.kill(grandchild, "SIGKILL");
});

test("of many that start at once exactly one holds the lock", async () => {
  const directory = folder();
  const children = Array.from({ length: 8 }, () => holder(directory));
  const lines = await Promise.all(children.map((child) => firstLine(child.stdout)));
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  expect(lines.filter((line) => line === "held").length).toBe(1);
  expect(lines.filter((line) => line.startsWith("conflict ")).length).toBe(7);
});

test("a process keeps its start mark, and one that is not there has none", async () => {
  const mark = startMarkOf(process.pid);
  expect(mark).toBeDefined();
  expect(startMarkOf(process.pid)).toBe(mark);
  const child = Bun.spawn(["true"]);
  await child.exited;
  expect(startMarkOf(child.pid)).toBeUndefined();
  expect(startMarkOf(2 ** 22 + 1)).toBeUndefined();
});

test("the data directory is named by the flag, then the variable, then the home", () => {
  expect(dataDirectory("/a", { OPERONE_HOME: "/b" })).toBe("/a");
  expect(dataDirectory(undefined, { OPERONE_HOME: "/b" })).toBe("/b");
  expect(dataDirectory(undefined, {})).toEndWith("/.operone");
  expect(() => dataDirectory(undefined, { OPERONE_HOME: "" })).toThrow("empty");
});

test("a new data directory is the owner's alone, and a wider one is closed", () => {
  const directory = join(folder(), "a", "b");
  prepareDataDirectory(directory, () => false);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  chmodSync(directory, 0o755);
  prepareDataDirectory(directory, () => false);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

test("a folder with other people's files is refused, one with only a config.toml is not", () => {
  const directory = folder();
  writeFileSync(join(directory, "config.toml"), "");
  prepareDataDirectory(directory, isConfig);
  writeFileSync(join(directory, "thesis.doc"), "x");
  expect(() => prepareDataDirectory(directory, isConfig)).toThrow('"thesis.doc"');
  takeLock(dataPaths(directory), "1", 0).release();
  prepareDataDirectory(directory, isConfig);
});

test("only a folder with a lock of ours is a data directory", () => {
  const directory = folder();
  expect(isDataDirectory(directory)).toBe(false);
  expect(isDataDirectory(join(directory, "none"))).toBe(false);
  writeFileSync(join(directory, "lock"), "12345");
  expect(isDataDirectory(directory)).toBe(false);
  rmSync(join(directory, "lock"));
  takeLock(dataPaths(directory), "1", 0).release();
  expect(isDataDirectory(directory)).toBe(true);
  const other = folder();
  symlinkSync(join(directory, "lock"), join(other, "lock"));
  expect(isDataDirectory(other)).toBe(false);
  mkdirSync(join(other, "deep"));
  symlinkSync(directory, join(other, "deep", "link"));
  expect(isDataDirectory(join(other, "deep", "link"))).toBe(false);
});
