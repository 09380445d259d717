/** What a started node tells the person who started it: where it is, and lines that work when pasted. */
import { operationPath } from "../surface/http-wire.ts";
import type { RunningNode } from "./node.ts";
import { operoneVersion } from "./version.ts";

export interface WelcomeFacts {
  readonly version: string;
  readonly pid: number;
  /** `http://127.0.0.1:6737`; none when only the socket listens. */
  readonly addresses: readonly string[];
  readonly socket: string;
  readonly ownerToken: string;
  readonly dataDirectory: string;
  /** Shell lines. */
  readonly try: readonly string[];
}

export function welcomeFacts({ paths, addresses }: Pick<RunningNode, "paths" | "addresses">): WelcomeFacts {
  const { socket, ownerToken, directory } = paths;
  return {
    version: operoneVersion,
    pid: process.pid,
    addresses,
    socket,
    ownerToken,
    dataDirectory: directory,
    try: curlLines(socket, ownerToken, addresses[0]),
  };
}

export function welcome(facts: WelcomeFacts): string {
  const [first = "none", ...others] = facts.addresses;
  const lines = [
    `Operone ${facts.version} is running (process ${facts.pid})`,
    "",
    `  HTTP         ${[first, ...others].join("  ")}`,
    `  socket       ${facts.socket}`,
    `  owner token  ${facts.ownerToken}`,
    "",
    "Try it (any of these lines can be pasted into a shell):",
    "",
    ...facts.try.map((line) => `  ${line}`),
    "",
    'Stop it with "operone down" or Ctrl-C.',
  ];
  return `${lines.join("\n")}\n`;
}

/** The token goes to curl through a pipe: on its command line every user of the machine could read it. */
function curlLines(socket: string, ownerToken: string, address: string | undefined): readonly string[] {
  const overSocket = `curl -sS --unix-socket ${quoted(socket)}`;
  // Only Linux confines; elsewhere the line must work too.
  const command = `{"argv":["uname","-a"]${process.platform === "linux" ? "" : ',"profile":"unconfined"'}}`;
  const json = `-H 'content-type: application/json'`;
  const lines = [
    `${overSocket} http://operone${operationPath("node.status")}`,
    `${overSocket} http://operone${operationPath("shell.run")} ${json} -H 'accept: application/x-ndjson' -d '${command}'`,
  ];
  if (address === undefined) return lines;
  const token = `(printf 'authorization: Bearer '; cat ${quoted(ownerToken)})`;
  return [...lines, `${token} | curl -sS -H @- ${address}${operationPath("node.status")}`];
}

/** For a POSIX shell. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
