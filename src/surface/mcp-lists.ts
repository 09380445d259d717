/** Tells an agent that its own lists have changed: when modules, nodes or rights do, and only if it sees a difference. */
import type { Server } from "@modelcontextprotocol/server";
import { type Catalogue, catalogueOf } from "./mcp-catalogue.ts";
import { AgentCalls } from "./mcp-dispatch.ts";
import { knownNodes } from "./mcp-nodes.ts";
import { shownPrompts } from "./mcp-prompts.ts";
import { Resources } from "./mcp-resources.ts";
import type { McpSession } from "./mcp-session.ts";

export const listNames = ["tools", "prompts", "resources"] as const;
export type ListName = (typeof listNames)[number];

type Seen = Readonly<Record<ListName, string>>;

export class ListWatch {
  readonly #session: McpSession;
  readonly #changed: (list: ListName) => void;
  readonly #calls: AgentCalls;
  readonly #catalogue: Catalogue;
  readonly #resources: Resources;
  readonly #stop: () => void;
  #seen: Promise<Seen | undefined>;
  #due = false;
  #cancel = () => {};

  constructor(session: McpSession, changed: (list: ListName) => void) {
    this.#session = session;
    this.#changed = changed;
    this.#calls = new AgentCalls(session);
    this.#catalogue = catalogueOf(session);
    this.#resources = new Resources(session);
    this.#seen = this.#look();
    const stopListening = session.view.changes.listen(() => this.#soon());
    this.#stop = () => {
      stopListening();
      this.#cancel();
    };
    if (session.signal.aborted) this.#stop();
    else session.signal.addEventListener("abort", this.#stop, { once: true });
  }

  /** Resolves when every change from now on is noticed. */
  async begun(): Promise<void> {
    await this.#seen;
  }

  close(): void {
    this.#session.signal.removeEventListener("abort", this.#stop);
    this.#stop();
  }

  /** Many things change at once, when a node comes or an agent is made. */
  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    const { timer, limits } = this.#session;
    this.#cancel = timer.after(limits.changesEveryMs, () => {
      this.#due = false;
      this.#seen = this.#compare(this.#seen);
    });
  }

  async #compare(seen: Promise<Seen | undefined>): Promise<Seen | undefined> {
    const before = await seen;
    const now = await this.#look();
    if (now === undefined || this.#session.signal.aborted) return before;
    for (const list of listNames) if (before?.[list] !== now[list]) this.#changed(list);
    return now;
  }

  /** Undefined of an agent that has ended. */
  async #look(): Promise<Seen | undefined> {
    const session = this.#session;
    try {
      const authority = session.authority(await session.identity());
      const reaches = await this.#calls.reach();
      const resources = (await this.#resources.shown()).map(({ name }) => name);
      return {
        tools: keyOf(this.#catalogue.names(authority, session.listAll)),
        prompts: keyOf(shownPrompts(session, reaches).map(({ name }) => name)),
        resources: keyOf([...resources, "", ...knownNodes(session, reaches)]),
      };
    } catch {
      return undefined;
    }
  }
}

/** To a connection; one that listens to nothing of the kind is not told. */
export async function tellChanged(server: Server, list: ListName): Promise<void> {
  try {
    if (list === "tools") await server.sendToolListChanged();
    else if (list === "prompts") await server.sendPromptListChanged();
    else await server.sendResourceListChanged();
  } catch {
    // It is gone, or has not begun.
  }
}

/** For a session: from its beginning to its end. */
export function announceLists(server: Server, session: McpSession): void {
  server.oninitialized = () => {
    new ListWatch(session, (list) => void tellChanged(server, list));
  };
}

function keyOf(names: readonly string[]): string {
  return JSON.stringify(names);
}
