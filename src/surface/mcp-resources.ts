/** The requests about resources: which there are, what they hold. */
import { Buffer } from "node:buffer";
import {
  type ReadResourceResult,
  ResourceNotFoundError,
  type Server,
  type ServerContext,
  type Resource as WireResource,
} from "@modelcontextprotocol/server";
import type { Answer } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import type { Resource } from "../kernel/resource.ts";
import { AgentCalls } from "./mcp-dispatch.ts";
import { knownNodes } from "./mcp-nodes.ts";
import { page } from "./mcp-page.ts";
import { protocolError } from "./mcp-problem.ts";
import type { McpSession } from "./mcp-session.ts";
import { signalsOf } from "./mcp-signal.ts";
import { hasVariables, type Located, located, templateOf, uriOf } from "./mcp-uri.ts";

type Contents = ReadResourceResult["contents"][number];

/** Installs resources/list, resources/templates/list and resources/read. */
export function installResources(server: Server, session: McpSession): void {
  const resources = new Resources(session);
  server.registerCapabilities({ resources: { listChanged: true, subscribe: true } });
  server.setRequestHandler("resources/list", async ({ params }, context) =>
    protocolError(session, async () => {
      const all = await resources.list(signalsOf(context));
      const { items, nextCursor } = page(all, params?.cursor);
      return { resources: [...items], ...nextCursor };
    }),
  );
  server.setRequestHandler("resources/templates/list", async ({ params }) =>
    protocolError(session, async () => {
      const { items, nextCursor } = page(await resources.templates(), params?.cursor);
      return { resourceTemplates: [...items], ...nextCursor };
    }),
  );
  server.setRequestHandler("resources/read", async ({ params }, context: ServerContext) =>
    protocolError(session, async () => ({ contents: await resources.read(params.uri, signalsOf(context)) })),
  );
}

export class Resources {
  readonly #session: McpSession;
  readonly #calls: AgentCalls;

  constructor(session: McpSession) {
    this.#session = session;
    this.#calls = new AgentCalls(session);
  }

  /** Those without variables on every node that is known, and those that the node here can list. */
  async list(signals: readonly AbortSignal[]): Promise<readonly WireResource[]> {
    const shown = await this.shown();
    const fixed = shown.filter((resource) => !hasVariables(resource));
    const nodes = knownNodes(this.#session, await this.#calls.reach());
    const listed = await Promise.all(shown.map((resource) => this.#listed(resource, signals)));
    return [
      ...fixed.filter(({ uri }) => !uri.startsWith("/")).map((resource) => wire(resource, undefined)),
      ...nodes.flatMap((node) =>
        fixed.filter(({ uri }) => uri.startsWith("/")).map((resource) => wire(resource, node)),
      ),
      ...listed.flat(),
    ];
  }

  async templates() {
    return (await this.shown()).filter(hasTemplate).map((resource) => ({
      uriTemplate: templateOf(resource),
      ...wordsOf(resource),
    }));
  }

  /** @throws ResourceNotFoundError, OperoneError */
  async read(uri: string, signals: readonly AbortSignal[]): Promise<Contents[]> {
    const { resource, node, variables } = await this.locate(uri);
    const call = { operation: resource.read.operation, input: resource.read.input(variables), node };
    return await this.#calls.with(call, signals, async (answer) => [
      await contentsOf(uri, resource, answer, this.#session.limits.resourceBytesMax),
    ]);
  }

  /** The same for what there is not and for what the agent must not see. @throws ResourceNotFoundError */
  async locate(uri: string): Promise<Located> {
    const found = located(await this.shown(), uri);
    if (found !== undefined) return found;
    throw new ResourceNotFoundError(
      uri,
      `There is no resource ${JSON.stringify(uri.slice(0, 200))} for you; resources/templates/list says which URIs there are`,
    );
  }

  async shown(): Promise<readonly Resource[]> {
    const reaches = await this.#calls.reach();
    return this.#session.view.resources.filter(({ read }) => reaches(read.operation));
  }

  /** A list that cannot be had is left out: the others are worth something without it. */
  async #listed(resource: Resource, signals: readonly AbortSignal[]): Promise<readonly WireResource[]> {
    const { list } = resource;
    if (list === undefined) return [];
    try {
      const answer = await this.#calls.value({ operation: list.operation, input: list.input({}) }, signals);
      return list.each(answer).map(({ variables, title }) => ({
        ...wordsOf(resource),
        uri: uriOf(resource, undefined, variables),
        title,
      }));
    } catch (error) {
      if (error instanceof OperoneError) return [];
      throw error;
    }
  }
}

function hasTemplate(resource: Resource): boolean {
  return hasVariables(resource) || resource.uri.startsWith("/");
}

function wire(resource: Resource, node: string | undefined): WireResource {
  const { title, ...words } = wordsOf(resource);
  return {
    ...words,
    uri: uriOf(resource, node, {}),
    title: node === undefined ? title : `${title} (${node})`,
  };
}

function wordsOf({ name, title, description, mediaType }: Resource) {
  return { name, title, description, ...(mediaType === undefined ? {} : { mimeType: mediaType }) };
}

/** @throws OperoneError `too_large` */
async function contentsOf(
  uri: string,
  { mediaType = "application/json" }: Resource,
  answer: Answer,
  bytesMax: number,
): Promise<Contents> {
  if (answer.gives === "bytes") {
    const bytes = await gathered(answer.bytes.open(), bytesMax);
    const mimeType = answer.bytes.mediaType;
    const text = textOf(bytes);
    return text === undefined
      ? { uri, mimeType, blob: bytes.toString("base64") }
      : { uri, mimeType: mimeType === "application/octet-stream" ? "text/plain" : mimeType, text };
  }
  const values = answer.gives === "value" ? one(answer.value) : answer.items;
  const lines = (async function* () {
    for await (const value of values) yield Buffer.from(`${JSON.stringify(value ?? null)}\n`);
  })();
  const text = (await gathered(lines, bytesMax)).toString();
  return { uri, mimeType: mediaType, text: answer.gives === "value" ? text.trimEnd() : text };
}

async function* one(value: unknown): AsyncGenerator<unknown, void> {
  yield value;
}

async function gathered(chunks: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    if (total > bytesMax) {
      throw new OperoneError(
        "too_large",
        `It has more than the ${bytesMax} bytes that a resource may have; read a part of it with a tool`,
        { limitBytes: bytesMax },
      );
    }
    parts.push(chunk.slice());
  }
  return Buffer.concat(parts);
}

/** Undefined for what is no text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}
