/** What can be learned of this machine without a node. */
import { lstatSync, statfsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { dirname } from "node:path";

export interface FolderFacts {
  readonly kind: "folder" | "link" | "other" | "missing";
  /** Permission bits; 0 where the system has none. */
  readonly mode: number;
  /** Undefined where the system has no numbers for users. */
  readonly ownerId: number | undefined;
}

export function folderFacts(path: string): FolderFacts {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return { kind: "missing", mode: 0, ownerId: undefined };
  const kind = facts.isSymbolicLink() ? "link" : facts.isDirectory() ? "folder" : "other";
  const windows = process.platform === "win32";
  return { kind, mode: windows ? 0 : facts.mode & 0o777, ownerId: windows ? undefined : facts.uid };
}

/** Bytes that this user can still write where the path is, or will be. */
export function freeBytes(path: string): number {
  let place = path;
  while (lstatSync(place, { throwIfNoEntry: false }) === undefined && dirname(place) !== place)
    place = dirname(place);
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize;
}

/** Undefined when the port can be bound; else the system's code, for example EADDRINUSE. */
export async function portTaken(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** Whether some process accepts connections on a Unix socket. */
export async function socketAnswers(path: string, timeoutMs: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ path });
    const end = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

export function currentUserId(): number | undefined {
  return process.getuid?.();
}
