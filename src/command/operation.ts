/** Everything that is no command of the program itself: an operation of the running node, over its socket. */
import { OperoneError } from "../kernel/error.ts";
import type { OperationTable } from "../kernel/view.ts";
import { type DataPaths, dataPaths } from "../platform/paths.ts";
import { socketAnswers } from "../platform/probe.ts";
import { processIo } from "../platform/process-io.ts";
import { onInterrupt } from "../platform/signals.ts";
import { unixFetch, unixWebSocket } from "../platform/unix-fetch.ts";
import { runCli } from "../surface/cli.ts";
import type { CliIo } from "../surface/cli-io.ts";
import type { OperationClient } from "../surface/client.ts";
import { type Fetch, httpClient } from "../surface/http-client.ts";
import { commandLine } from "./table.ts";

const probeTimeoutMs = 1_000;

export async function runOperation(
  directory: string,
  argv: readonly string[],
  io: CliIo = processIo(onInterrupt()),
): Promise<number> {
  const line = commandLine();
  return await runCli({ ...line, argv, client: nodeClient(directory, line.table), io });
}

/** Calls the running node as its owner. */
export function nodeClient(directory: string, table: OperationTable = commandLine().table): OperationClient {
  const paths = dataPaths(directory);
  return httpClient({
    fetch: socketFetch(paths),
    baseUrl: "http://operone",
    table,
    surface: "cli",
    frames: true,
    openWebSocket: unixWebSocket(paths.socket),
  });
}

/** Help needs no node: whatever it would call is refused. */
export async function runHelp(argv: readonly string[]): Promise<number> {
  const client: OperationClient = {
    call: () => Promise.reject(new OperoneError("internal", "Help calls no operation")),
  };
  return await runCli({ ...commandLine(), argv, client, io: processIo(new AbortController().signal) });
}

/** A connection that cannot be made has one of two reasons, and the person can do something about each. */
function socketFetch(paths: DataPaths): Fetch {
  const fetch = unixFetch(paths.socket);
  return async (url, init) => {
    try {
      return await fetch(url, init);
    } catch (error) {
      if (init.signal?.aborted !== true && !(await socketAnswers(paths.socket, probeTimeoutMs))) {
        throw await notRunning(paths, error);
      }
      throw error;
    }
  };
}

async function notRunning(paths: DataPaths, cause: unknown): Promise<OperoneError> {
  const { isLocked, livingHolder } = await import("../platform/lock.ts");
  const holder = isLocked(paths) ? livingHolder(paths) : undefined;
  const message =
    holder === undefined
      ? `No node is running in ${paths.directory}; start one with "operone up", or name its folder with --data`
      : `The node in ${paths.directory} (process ${holder.pid}) does not answer on ${paths.socket}; it may be starting or stopping: try again, or see "operone down"`;
  return new OperoneError("unavailable", message, undefined, { cause });
}
