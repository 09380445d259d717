/** Checks of the node's own files: who may read and write them, and how large they have become. */
import type { Check, FileFacts, Finding } from "../../src/kernel/ports.ts";
import { failure, ok, warning } from "./finding.ts";
import type { NodeState } from "./state.ts";

type Use = Pick<NodeState, "files" | "host" | "listeners">;

/** The log rotates far below this. */
const logBytesUsual = 64 * 1024 * 1024;
const filesMax = 1_000;

export function fileChecks(use: Use): readonly Check[] {
  const data = use.host.dataDirectory;
  return [
    { name: "data directory", run: () => dataDirectory(use) },
    { name: "owner token", run: () => privatePath(use, `${data}/owner.token`, 0o600) },
    { name: "owner socket", run: () => ownerSocket(use) },
    { name: "module files", run: (signal) => moduleFiles(use, signal) },
    { name: "configuration file", run: () => configurationFile(use) },
    { name: "log", run: () => log(use) },
  ];
}

async function dataDirectory(use: Use): Promise<Finding> {
  const path = use.host.dataDirectory;
  const finding = await privatePath(use, path, 0o700);
  const facts = await use.files.facts(path);
  const user = process.getuid?.();
  if (finding.verdict !== "ok" || facts?.ownerId === undefined || facts.ownerId === user) return finding;
  return failure(
    `${path} belongs to user ${facts.ownerId}, and the node runs as ${user}: that user can read all its keys`,
    `chown -R ${user} '${path}', or run the node as its owner`,
  );
}

async function privatePath({ files, host }: Use, path: string, mode: number): Promise<Finding> {
  const facts = await files.facts(path);
  if (facts === undefined)
    return failure(`${path} is missing`, 'start the node again ("operone down", "operone up")');
  if (isPrivate(host.os, facts)) return ok(path);
  return failure(
    `${path} is open to other users (${facts.mode.toString(8)})`,
    `chmod ${mode.toString(8)} '${path}'`,
  );
}

function isPrivate(os: string, { mode }: FileFacts): boolean {
  return os === "win32" || (mode & 0o077) === 0;
}

/** Whoever can open it is the owner. */
async function ownerSocket(use: Use): Promise<Finding> {
  const unix = use.listeners.bound().find((one) => one.kind === "unix");
  return unix === undefined ? ok("none is bound") : await privatePath(use, unix.path, 0o600);
}

/** Databases and keys, the secrets' own among them, in each module's folder. */
async function moduleFiles({ files, host }: Use, signal: AbortSignal): Promise<Finding> {
  const open: string[] = [];
  let seen = 0;
  for (const folder of await files.list(host.dataDirectory)) {
    for (const name of await files.list(`${host.dataDirectory}/${folder}`)) {
      signal.throwIfAborted();
      seen += 1;
      if (seen > filesMax) break;
      const path = `${host.dataDirectory}/${folder}/${name}`;
      const facts = await files.facts(path);
      if (facts !== undefined && !isPrivate(host.os, facts)) open.push(path);
    }
  }
  const [first] = open;
  if (first === undefined) return ok(`${Math.min(seen, filesMax)} files, for their owner alone`);
  return failure(
    `${open.length} files are open to other users, ${first} among them`,
    `chmod -R go= '${host.dataDirectory}'`,
  );
}

/** It holds no secrets, so others may read it; whoever may write it decides what this node does. */
async function configurationFile({ files, host }: Use): Promise<Finding> {
  const path = `${host.dataDirectory}/config.toml`;
  const facts = await files.facts(path);
  if (facts === undefined) return ok("none; the defaults are used");
  if (host.os === "win32" || (facts.mode & 0o022) === 0) return ok(path);
  return failure(`${path} can be written by other users (${facts.mode.toString(8)})`, `chmod 600 '${path}'`);
}

async function log({ files, host }: Use): Promise<Finding> {
  const folder = `${host.dataDirectory}/log`;
  const names = await files.list(folder);
  const all = await Promise.all(names.map((name) => files.facts(`${folder}/${name}`)));
  const bytes = all.reduce((sum, facts) => sum + (facts?.sizeBytes ?? 0), 0);
  const found = `${names.length} files, ${Math.ceil(bytes / 1024 / 1024)} MiB`;
  if (bytes <= logBytesUsual) return ok(found);
  return warning(
    found,
    `remove what you do not need from ${folder}; the node itself keeps only its newest files`,
  );
}
