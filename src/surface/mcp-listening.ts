/**
 * `subscriptions/listen` of revision 2026-07-28: one request whose answer is a stream of changes. The SDK holds the
 * stream; here what the agent wants to hear of is watched as long as that lives, and what it must not hear of, or what
 * there is not, is taken out of the request before the SDK promises it.
 */
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";
import type { McpSession } from "./mcp-session.ts";
import { Subscriptions } from "./mcp-subscriptions.ts";

const method = "subscriptions/listen";

const Wanted = v.looseObject({
  method: v.literal(method),
  params: v.looseObject({ notifications: v.looseObject({ resourceSubscriptions: v.array(v.string()) }) }),
});

export function isListen(message: unknown): boolean {
  return v.is(v.looseObject({ method: v.literal(method) }), message);
}

export class Listening {
  readonly #subscriptions: Subscriptions;
  /** By URI: the requests that want to hear of it. */
  readonly #wanted = new Map<string, Set<unknown>>();

  /** @param changed told of every resource that any of the requests wants to hear of */
  constructor(session: McpSession, changed: (uri: string) => void) {
    this.#subscriptions = new Subscriptions(session, changed);
  }

  /** The request, with those resources alone that are watched now. @param key tells requests apart */
  async begin<T>(key: unknown, message: T): Promise<T> {
    const parsed = v.safeParse(Wanted, message);
    if (!parsed.success) return message;
    const { params } = parsed.output;
    const uris = [...new Set(params.notifications.resourceSubscriptions)];
    const watched = await Promise.all(uris.map((uri) => this.#watched(key, uri)));
    const resourceSubscriptions = uris.filter((_, at) => watched[at]);
    const notifications = { ...params.notifications, resourceSubscriptions };
    return { ...message, params: { ...params, notifications } };
  }

  end(key: unknown): void {
    for (const [uri, keys] of this.#wanted) {
      keys.delete(key);
      if (keys.size > 0) continue;
      this.#wanted.delete(uri);
      this.#subscriptions.remove(uri);
    }
  }

  close(): void {
    this.#wanted.clear();
    this.#subscriptions.close();
  }

  async #watched(key: unknown, uri: string): Promise<boolean> {
    const keys = this.#wanted.get(uri) ?? new Set();
    this.#wanted.set(uri, keys.add(key));
    try {
      await this.#subscriptions.add(uri);
      return true;
    } catch (error) {
      keys.delete(key);
      if (keys.size === 0) this.#wanted.delete(uri);
      // Refused by the protocol or by the node; anything else is a defect.
      if (error instanceof OperoneError || (error instanceof Error && "code" in error)) return false;
      throw error;
    }
  }
}
