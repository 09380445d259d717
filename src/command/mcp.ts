/** `operone mcp`: pumps between a program's standard streams and the node. stdout carries the protocol and nothing else. */
import { OperoneError } from "../kernel/error.ts";
import { type DataPaths, dataPaths } from "../platform/paths.ts";
import { socketAnswers } from "../platform/probe.ts";
import { type StandardStreams, standardStreams } from "../platform/standard-streams.ts";
import { openUnixWebSocket } from "../platform/unix-fetch.ts";
import type { CommandInput } from "./command.ts";
import { bridge } from "./mcp-bridge.ts";
import { startBackground } from "./up.ts";

const probeTimeoutMs = 1_000;

/** @param streams of this process, unless a test brings its own */
export async function mcp(
  input: CommandInput,
  streams: () => StandardStreams = standardStreams,
): Promise<number> {
  const paths = dataPaths(input.directory);
  if (!(await socketAnswers(paths.socket, probeTimeoutMs))) await start(input, paths);
  const agent = input.text("as");
  const opened = await openUnixWebSocket(paths.socket, `/mcp${queryOf(input)}`, {
    protocols: [],
    headers: agent === undefined ? {} : { "operone-agent": agent },
  });
  const own = streams();
  try {
    await bridge(opened.socket, own);
    return 0;
  } finally {
    own.end();
    opened.release();
  }
}

async function start({ directory, flag, terminal }: CommandInput, { socket }: DataPaths): Promise<void> {
  if (flag("no-start")) {
    throw new OperoneError(
      "unavailable",
      `No node is running in ${directory}; start one with "operone up --detach", or leave out --no-start`,
    );
  }
  try {
    await startBackground({ directory, settings: [], json: false });
    terminal.err(`operone: started a node in ${directory}; "operone down" stops it\n`);
  } catch (error) {
    // Another program may have started it in the same moment; then there is one all the same.
    if (!(await socketAnswers(socket, probeTimeoutMs))) throw error;
  }
}

function queryOf({ text, texts, flag }: CommandInput): string {
  const query = new URLSearchParams();
  for (const name of ["tools", "deny"]) for (const list of texts(name)) query.append(name, list);
  if (flag("read-only")) query.set("read-only", "true");
  if (flag("list-all")) query.set("list", "all");
  const node = text("node");
  if (node !== undefined) query.set("node", node);
  return query.size === 0 ? "" : `?${query.toString()}`;
}
