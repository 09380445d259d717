/** What goes to another file system, or is written, while others do what they can to it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { LocalBackend } from "../../modules/fs/local/local-backend.ts";
import { type FsNode, fsNode } from "./fs-node.ts";

let node: FsNode;
let shared = "";
beforeAll(async () => {
  node = await fsNode();
  shared = join("/dev/shm", `operone-carry-${crypto.randomUUID()}`);
  mkdirSync(shared);
});
afterAll(async () => {
  rmSync(shared, { recursive: true });
  await node[Symbol.asyncDispose]();
});
const at = (name: string) => join(node.work, name);
const everything = { allows: () => true, check: () => {}, unlimited: true };
const signal = new AbortController().signal;
const backend = () =>
  new LocalBackend({
    ...{ root: "", refused: [], writable: true, tag: "test" },
    random: (count) => crypto.getRandomValues(new Uint8Array(count)),
  });

/** All that lies in files below, and nothing that a link leads to. */
function contents(path: string): string {
  return Bun.spawnSync(["find", path, "-type", "f", "-exec", "cat", "{}", "+"]).stdout.toString();
}

test("what goes to another file system has nothing of where a link led meanwhile", async () => {
  const outside = at("outside");
  mkdirSync(outside);
  for (let n = 0; n < 20; n++) writeFileSync(join(outside, `${n}`), "outside");
  const tree = join(shared, "tree");
  const [swap, aside] = [join(tree, "swap"), join(tree, "swap-aside")];
  const words = [process.execPath, join(import.meta.dir, "link-turner.ts"), swap, aside, outside, "patient"];
  const turner = Bun.spawn(words, { stdio: ["ignore", "pipe", "inherit"] });
  await using _ = { [Symbol.asyncDispose]: async () => turner.kill("SIGKILL") };
  await turner.stdout.getReader().read();
  const machine = backend();
  let [carried, gone] = [0, 0];
  for (let round = 0; round < 80; round++) {
    try {
      if (!existsSync(tree)) mkdirSync(swap, { recursive: true });
      const into = existsSync(aside) ? aside : swap;
      for (let n = 0; n < 20; n++) writeFileSync(join(into, `mine-${n}`), "inside!");
    } catch {
      // It was turned in that moment.
    }
    for (let n = 0; n < 20; n++) rmSync(join(outside, `mine-${n}`), { force: true });
    const host = join(node.folder, `taken-${round}`);
    await machine.takeOut(everything, tree, host).then(
      () => (gone += 1),
      () => {},
    );
    const found = contents(host);
    expect(found.includes("outside")).toBe(false);
    if (found.includes("inside!")) carried += 1;
    rmSync(host, { recursive: true, force: true });
  }
  turner.kill("SIGKILL");
  await turner.exited;
  expect(readdirSync(outside).length).toBe(20);
  expect([carried > 0, gone > 0]).toEqual([true, true]);
}, 60_000);

test("a removal that is killed at any moment leaves the file in its place, in the trash, or in both", async () => {
  const directory = at("taken");
  mkdirSync(directory);
  for (let round = 0; round < 15; round++) {
    const path = join(shared, "large");
    writeFileSync(path, Buffer.alloc(3_000_000, "x"));
    const words = [process.execPath, join(import.meta.dir, "carry-writer.ts"), path, directory];
    const carrier = Bun.spawn(words, { stdio: ["ignore", "pipe", "inherit"] });
    await carrier.stdout.getReader().read();
    for (let turn = 0; turn < round * 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    carrier.kill("SIGKILL");
    await carrier.exited;
    const places = [path, join(directory, "item")].filter((place) => existsSync(place));
    expect(places.length).toBeGreaterThan(0);
    for (const place of places) expect([place, statSync(place).size]).toEqual([place, 3_000_000]);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
  }
}, 60_000);

test("what a killed write has left goes with the next one, and what others have left stays", async () => {
  const folder = at("left");
  mkdirSync(folder);
  const own = [".operone-write-test-0123456789abcdef", ".operone-write-other-0123456789abcdef", "file"];
  for (const name of own) writeFileSync(join(folder, name), "half");
  const content = async function* () {
    yield Buffer.from("whole");
  };
  const machine = backend();
  // Those that this process writes at the same time are its own, and not left by anybody.
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      machine.write(everything, join(folder, `new-${n}`), content(), { mode: "create" }),
    ),
  );
  const names = readdirSync(folder);
  expect(names.filter((name) => name.startsWith("."))).toEqual([".operone-write-other-0123456789abcdef"]);
  expect(names.length).toBe(22);
});

test("while a private file is written anew nobody else can read what comes", async () => {
  const path = at("private");
  writeFileSync(path, "old", { mode: 0o600 });
  const modes: number[] = [];
  const content = async function* () {
    yield Buffer.from("new");
    for (const name of readdirSync(node.work).filter((one) => one.startsWith(".operone-write-")))
      modes.push(statSync(at(name)).mode & 0o777);
  };
  await node.value("write", { path }, { bytes: content() });
  expect([modes, statSync(path).mode & 0o777]).toEqual([[0o600], 0o600]);
});

test("a caller that is slow to send what is appended holds up nobody, and takes nothing of others back", async () => {
  const path = at("log");
  writeFileSync(path, "a\n");
  let send = () => {};
  const sent = new Promise<void>((resolve) => {
    send = resolve;
  });
  const slow = async function* () {
    yield Buffer.alloc(2 * 1024 * 1024, "s");
    await sent;
    throw new Error("the caller went away");
  };
  const failed = node.value("append", { path }, { bytes: slow() }).catch((error) => error);
  await node.value("append", { path, text: "b\n" });
  writeFileSync(path, "c\n", { flag: "a" });
  send();
  expect(await failed).toBeInstanceOf(Error);
  expect(readFileSync(path, "utf8")).toBe("a\nb\nc\n");
  expect(readdirSync(node.work).filter((name) => name.startsWith(".operone"))).toEqual([]);
  const large = async function* () {
    for (let part = 0; part < 3; part++) yield Buffer.alloc(1024 * 1024, "l");
  };
  await node.value("append", { path }, { bytes: large() });
  expect(statSync(path).size).toBe(6 + 3 * 1024 * 1024);
});

test("of two names of one file a move leaves one, and replaces the other on purpose alone", async () => {
  writeFileSync(at("first"), "x");
  linkSync(at("first"), at("second"));
  const move = (more: object) => node.value("move", { from: at("first"), to: at("second"), ...more });
  await expect(move({})).rejects.toMatchObject({ code: "conflict" });
  await move({ replace: true });
  expect([existsSync(at("first")), readFileSync(at("second"), "utf8")]).toEqual([false, "x"]);
});

test("a large file is never held in memory as a whole", async () => {
  const path = at("sparse");
  writeFileSync(path, "");
  truncateSync(path, 2 * 1024 ** 3);
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let [total, most] = [0, 0];
  const machine = backend();
  await using file = await machine.open(everything, path);
  for await (const chunk of file.read(signal)) {
    total += chunk.length;
    if (total % (64 * 1024 * 1024) !== 0) continue;
    // What nobody holds any more is taken back when the engine likes, which says nothing of us.
    Bun.gc(true);
    most = Math.max(most, process.memoryUsage.rss() - before);
  }
  expect(total).toBe(2 * 1024 ** 3);
  expect(most).toBeLessThan(256 * 1024 * 1024);
}, 60_000);

test("nothing is written to or added to a pipe, a device, or what a link to one leads to", async () => {
  Bun.spawnSync(["mkfifo", at("pipe")]);
  symlinkSync("pipe", at("to-pipe"));
  symlinkSync("/dev/null", at("to-device"));
  for (const path of [at("pipe"), at("to-pipe"), at("to-device"), "/dev/null", "/dev/full"])
    for (const operation of ["write", "append"])
      await expect(node.value(operation, { path, text: "x" })).rejects.toMatchObject({ code: "conflict" });
});
