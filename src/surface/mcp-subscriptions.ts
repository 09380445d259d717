/**
 * Tells an agent that what it has read has changed. A resource that its module can watch is watched there, on its node;
 * any other is read now and then and compared. Both are calls of the agent, which end with its rights.
 */
import { ProtocolError, ProtocolErrorCode, type Server } from "@modelcontextprotocol/server";
import { digestOf } from "../kernel/digest.ts";
import { OperoneError } from "../kernel/error.ts";
import type { Watch } from "../kernel/resource.ts";
import { AgentCalls } from "./mcp-dispatch.ts";
import { protocolError } from "./mcp-problem.ts";
import { Resources } from "./mcp-resources.ts";
import type { McpSession } from "./mcp-session.ts";
import type { Located } from "./mcp-uri.ts";

export class Subscriptions {
  readonly #session: McpSession;
  readonly #calls: AgentCalls;
  readonly #resources: Resources;
  readonly #changed: (uri: string) => void;
  readonly #running = new Map<string, AbortController>();

  /** @param changed told at most once in `changesEveryMs` for each URI, and always after the last change */
  constructor(session: McpSession, changed: (uri: string) => void) {
    this.#session = session;
    this.#calls = new AgentCalls(session);
    this.#resources = new Resources(session);
    this.#changed = changed;
    session.signal.addEventListener("abort", () => this.close(), { once: true });
  }

  /** Resolves when nothing that happens from now on is missed. @throws ResourceNotFoundError, ProtocolError, OperoneError */
  async add(uri: string): Promise<void> {
    if (this.#running.has(uri)) return;
    const { subscriptionsMax } = this.#session.limits;
    if (this.#running.size >= subscriptionsMax) {
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `${subscriptionsMax} resources are watched already; unsubscribe from one of them`,
      );
    }
    const stop = new AbortController();
    this.#running.set(uri, stop);
    const begun = Promise.withResolvers<void>();
    let hasBegun = false;
    const begin = () => {
      hasBegun = true;
      begun.resolve();
    };
    const tell = this.#throttled(uri, stop.signal);
    this.#run(uri, stop.signal, tell, begin)
      .then(() => {
        begin();
        // What is watched no more may be another by now, and is to be read and subscribed to again.
        if (!stop.signal.aborted) tell();
      })
      .catch((error: unknown) => {
        begun.reject(error);
        // Its last word: what it is now, nobody knows any more.
        if (hasBegun && !stop.signal.aborted) tell();
      })
      .finally(() => {
        if (this.#running.get(uri) === stop) this.#running.delete(uri);
      });
    await begun.promise;
  }

  remove(uri: string): void {
    this.#running.get(uri)?.abort();
    this.#running.delete(uri);
  }

  close(): void {
    for (const stop of this.#running.values()) stop.abort();
    this.#running.clear();
  }

  async #run(uri: string, signal: AbortSignal, tell: () => void, begun: () => void): Promise<void> {
    const { resource, node, variables } = await this.#resources.locate(uri);
    const { watch } = resource;
    if (watch === undefined || !(await this.#calls.reach())(watch.operation))
      return await this.#compare(uri, signal, tell, begun);
    let hasBegun = false;
    const begins = () => {
      hasBegun = true;
      begun();
    };
    try {
      await this.#watch(uri, watch, { variables, node }, { signal, tell, begun: begins });
    } catch (error) {
      // What cannot be watched (a file of a folder that is not the agent's, a mount that tells of nothing) can be read.
      if (hasBegun || signal.aborted || !(error instanceof OperoneError)) throw error;
      await this.#compare(uri, signal, tell, begun);
    }
  }

  async #watch(
    uri: string,
    watch: Watch,
    { variables, node }: Pick<Located, "variables" | "node">,
    { signal, tell, begun }: { readonly signal: AbortSignal; tell(): void; begun(): void },
  ): Promise<void> {
    // One that is not there, or that the agent must not read, is refused and not waited for.
    await this.#resources.read(uri, [signal]).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "too_large")) throw error;
    });
    const call = { operation: watch.operation, input: watch.input(variables), node };
    await this.#calls.with(call, [signal], async (answer) => {
      if (watch.begins === undefined || answer.gives !== "items") begun();
      if (answer.gives !== "items") return;
      for await (const item of answer.items) {
        if (watch.begins?.(item) === true) begun();
        else if (watch.changes?.(item) ?? true) tell();
      }
    });
  }

  async #compare(uri: string, signal: AbortSignal, tell: () => void, begun: () => void): Promise<void> {
    let before = await this.#digest(uri, signal);
    begun();
    while (!signal.aborted) {
      await this.#pause(signal);
      if (signal.aborted) return;
      const now = await this.#digest(uri, signal);
      if (now !== before) tell();
      before = now;
    }
  }

  async #digest(uri: string, signal: AbortSignal): Promise<string> {
    return digestOf(await this.#resources.read(uri, [signal]));
  }

  #pause(signal: AbortSignal): Promise<void> {
    const { timer, limits } = this.#session;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = timer.after(limits.compareEveryMs, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  #throttled(uri: string, signal: AbortSignal): () => void {
    const { timer, limits } = this.#session;
    let isWaiting = false;
    let isDue = false;
    const send = () => {
      isDue = false;
      isWaiting = true;
      this.#changed(uri);
      timer.after(limits.changesEveryMs, () => {
        isWaiting = false;
        if (isDue && !signal.aborted) send();
      });
    };
    return () => {
      if (isWaiting) isDue = true;
      else send();
    };
  }
}

/** Installs resources/subscribe and resources/unsubscribe, which revisions before 2026-07-28 have. */
export function installSubscriptions(server: Server, session: McpSession): void {
  const subscriptions = new Subscriptions(
    session,
    (uri) => void server.sendResourceUpdated({ uri }).catch(() => {}),
  );
  server.setRequestHandler("resources/subscribe", async ({ params }) =>
    protocolError(session, async () => {
      await subscriptions.add(params.uri);
      return {};
    }),
  );
  server.setRequestHandler("resources/unsubscribe", async ({ params }) => {
    subscriptions.remove(params.uri);
    return {};
  });
}
