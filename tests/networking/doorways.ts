/** A test node through its outer doors: HTTP over TCP with the owner's token, and the command line. */
import { join } from "node:path";
import { runCli } from "../../src/surface/cli.ts";
import { httpClient } from "../../src/surface/http-client.ts";
import { type CapturedOptions, capturedIo } from "../surface/captured-io.ts";
import { memoryHttp } from "../surface/memory-http.ts";
import type { MeshNode } from "./mesh-node.ts";

/** As any HTTP client would that knows nothing of Operone. */
export async function fetchFrom(
  { kernel, directory }: MeshNode,
  path: string,
  init: RequestInit & { readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> {
  const answer = await kernel.view.call({
    surface: "http",
    operation: "http.listeners",
    input: {},
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [{ holder: "owner", owner: true, grants: [] }],
    signal: new AbortController().signal,
  });
  const { listeners } = (answer.gives === "value" ? answer.value : {}) as { listeners: { url?: string }[] };
  const url = listeners.find((one) => one.url !== undefined)?.url;
  const token = (await Bun.file(join(directory, "owner.token")).text()).trim();
  return await fetch(`${url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
  });
}

export interface Terminal {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** The command line of the node's owner. */
export async function operone(
  { kernel, identity }: MeshNode,
  argv: readonly string[],
  options: CapturedOptions = {},
): Promise<Terminal> {
  const { view } = kernel;
  const http = memoryHttp(view, await identity());
  const io = capturedIo(options);
  const client = httpClient({ ...http, baseUrl: "http://operone", table: view.table, surface: "cli" });
  const exit = await runCli({ argv, table: view.table, modules: [], commands: [], client, io });
  return { exit, out: io.out(), err: io.err() };
}
