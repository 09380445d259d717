/** Makes a data directory ready to be used by a node. */
import { OperoneError } from "../kernel/error.ts";
import { type DataPaths, dataPaths, prepareDataDirectory } from "../platform/paths.ts";
import { isOwnName } from "./own-names.ts";

/** `sun_path` of a Unix socket's address holds this many bytes and a final zero: unix(7), and 104 on BSD systems. */
const socketPathBytesMax = process.platform === "linux" ? 107 : 103;

/** @throws OperoneError `invalid_input` when the socket's path would be too long for the system. */
export function prepareHome(directory: string): DataPaths {
  const paths = dataPaths(directory);
  refuseLongSocketPath(paths);
  prepareDataDirectory(directory, (name) => isOwnName(name) || name === "config.toml");
  return paths;
}

/** @throws OperoneError `invalid_input` */
export function refuseLongSocketPath(paths: DataPaths): void {
  const problem = socketPathProblem(paths);
  if (problem === undefined) return;
  throw new OperoneError("invalid_input", `${problem}; name a shorter folder with --data or OPERONE_HOME`);
}

export function socketPathProblem({ socket }: DataPaths): string | undefined {
  const bytes = Buffer.byteLength(socket);
  if (process.platform === "win32" || bytes <= socketPathBytesMax) return undefined;
  return `The name of the data directory is too long for a Unix socket in it: ${socket} has ${bytes} bytes and the system takes ${socketPathBytesMax}`;
}
