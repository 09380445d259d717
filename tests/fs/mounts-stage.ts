/**
 * What mounts can do to a node, in a mount namespace of its own, so that nothing of the machine is touched. Prints one
 * line of JSON: what each attempt came to.
 */
import { execFileSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LocalBackend } from "../../modules/fs/local/local-backend.ts";
import type { OperoneError } from "../../src/kernel/error.ts";
import { fsNode } from "./fs-node.ts";

const node = await fsNode();
const data = join(node.folder, "data");
const at = (name: string) => join(node.work, name);
const mount = (...words: readonly string[]) => void execFileSync("mount", words);
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: OperoneError) => error.code ?? String(error),
  );
const told = (operation: string, input: object) => outcome(node.value(operation, input));
async function* zeros(megabytes: number) {
  for (let part = 0; part < megabytes; part++) yield new Uint8Array(1024 * 1024);
}
const bytes = (megabytes: number) => ({ bytes: zeros(megabytes) });

mkdirSync(join(data, "access"));
for (const name of ["owner.token", "access/access.db"]) writeFileSync(join(data, name), "outside");
for (const name of ["all", "part", "above", "processes", "full", "fixed", "disk", "away"])
  mkdirSync(at(name));
writeFileSync(at("one"), "");

async function ownElsewhere() {
  mount("--bind", data, at("all"));
  mount("--bind", join(data, "access"), at("part"));
  mount("--bind", join(data, "owner.token"), at("one"));
  mount("--bind", node.folder, at("above"));
  mount("-t", "proc", "proc", at("processes"));
  linkSync(join(data, "owner.token"), at("linked"));
  const paths = [
    ...["all", "all/owner.token", "all/access/access.db", "part", "part/access.db", "one", "linked"],
    ...["above/data", "above/data/owner.token", `processes/${process.pid}/environ`, "processes/self/mem"],
  ].map(at);
  const found: Record<string, string> = {};
  for (const path of paths) {
    for (const operation of ["read", "stat", "list", "hash"])
      found[`${operation} ${path.slice(node.work.length + 1)}`] = await told(operation, { path });
  }
  // What would give a copy of it, or take it away.
  found.append = await told("append", { path: at("linked"), text: "x" });
  found.move = await told("move", { from: at("above/data"), to: at("above/taken") });
  found.moveLinked = await told("move", { from: at("linked"), to: at("moved") });
  found.copy = await told("copy", { from: at("linked"), to: at("copied") });
  found.over = await told("write", { path: at("all/owner.token"), text: "planted" });
  found.remove = await told("remove", { path: at("above/data"), recursive: true, permanent: true });
  found.trash = await told("remove", { path: at("above/data"), recursive: true });
  return { found, kept: readFileSync(join(data, "owner.token"), "utf8"), copied: existsSync(at("copied")) };
}

async function fullDisk() {
  mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", at("full"));
  writeFileSync(at("full/file"), "old");
  const path = at("full/file");
  const write = await outcome(node.value("write", { path }, bytes(4)));
  const append = await outcome(node.value("append", { path }, bytes(4)));
  writeFileSync(at("large"), new Uint8Array(4 * 1024 * 1024));
  const { trash } = await node.value<{ trash: string }>("remove", { path: at("large") });
  const restore = await told("restore", { id: trash, to: at("full/large") });
  const move = await told("move", { from: path, to: at("full/moved") });
  await node.value("restore", { id: trash });
  return {
    ...{ write, append, restore, move },
    text: readFileSync(at("full/moved"), "utf8"),
    names: readdirSync(at("full")),
    restored: statSync(at("large")).size,
  };
}

async function fixedDisk() {
  writeFileSync(at("fixed/file"), "old");
  mount("--bind", at("fixed"), at("fixed"));
  mount("-o", "remount,bind,ro", at("fixed"));
  const path = at("fixed/file");
  const found = {
    write: await told("write", { path, text: "x" }),
    append: await told("append", { path, text: "x" }),
    mkdir: await told("mkdir", { path: at("fixed/dir") }),
    remove: await told("remove", { path, permanent: true }),
    trash: await told("remove", { path }),
    move: await told("move", { from: path, to: at("elsewhere") }),
  };
  return { found, text: readFileSync(path, "utf8"), trash: await node.value("trash-list", {}) };
}

async function vanished() {
  const root = join(node.folder, "vanishing");
  mkdirSync(root);
  const backend = new LocalBackend({
    ...{ root, refused: [], writable: true, tag: "test" },
    random: (count) => crypto.getRandomValues(new Uint8Array(count)),
  });
  const everything = { allows: () => true, check: () => {}, unlimited: true };
  await backend.write(everything, "/file", zeros(1), { mode: "any" });
  execFileSync("rm", ["-r", root]);
  return {
    open: await outcome(backend.open(everything, "/file")),
    write: await outcome(backend.write(everything, "/file", zeros(1), { mode: "any" })),
    list: await outcome(Array.fromAsync(backend.list(everything, "/", new AbortController().signal))),
    made: existsSync(root),
  };
}

/** Below a name of the node: a disk that is taken away, and one that can only be read. */
async function named() {
  const path = "/@disk/file";
  mount("-t", "tmpfs", "tmpfs", at("disk"));
  await node.value("mount", { name: "disk", path: at("disk") });
  await node.value("write", { path, text: "old" });
  mount("-o", "remount,ro", at("disk"));
  const fixed = [
    await told("write", { path, text: "x" }),
    await told("remove", { path }),
    await told("mkdir", { path: "/@disk/new" }),
  ];
  mount("-o", "remount,rw", at("disk"));
  mount("--move", at("disk"), at("away"));
  const gone = [
    await told("read", { path }),
    await told("list", { path: "/@disk" }),
    await told("write", { path, text: "x" }),
    await told("mkdir", { path: "/@disk/new" }),
    await told("restore", { id: await removedFile(), to: "/@disk/restored" }),
  ];
  const beneath = readdirSync(at("disk"));
  mount("--move", at("away"), at("disk"));
  const { text } = await node.value<{ text: string }>("read", { path });
  return { fixed, gone, beneath, text };
}

async function removedFile(): Promise<string> {
  writeFileSync(at("gift"), "gift");
  return (await node.value<{ trash: string }>("remove", { path: at("gift") })).trash;
}

const result = {
  own: await ownElsewhere(),
  full: await fullDisk(),
  fixed: await fixedDisk(),
  vanished: await vanished(),
  named: await named(),
};
for (const name of ["all", "part", "one", "above", "processes", "full", "fixed", "disk"])
  execFileSync("umount", ["-l", at(name)]);
await node[Symbol.asyncDispose]();
console.log(JSON.stringify(result));
