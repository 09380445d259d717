/** Finds the nodes that a selector means, and sends the call to them. */
import type { Answer } from "../../src/kernel/call.ts";
import { errorBody, OperoneError } from "../../src/kernel/error.ts";
import type { RoutedCall, Router, RouteTarget } from "../../src/kernel/ports.ts";
import { hasLabels, type Labels, parseSelector, selectsMany } from "../../src/kernel/selector.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import { claimsFor } from "./claims.ts";
import { findNode } from "./lookup.ts";
import { merged } from "./merged.ts";
import type { PeerCalls } from "./peer-calls.ts";

/** A node of the mesh as the router sees it; this one is among them. */
export interface KnownNode {
  readonly peerId: string;
  /** Absent until the node has told it. */
  readonly name: string | undefined;
  readonly labels: Labels;
  readonly self: boolean;
  readonly connected: boolean;
  /** Milliseconds of the last round trip; absent while it is not connected. */
  readonly roundTripMs: number | undefined;
}

export interface RouterOptions {
  nodes(): readonly KnownNode[];
  /** Those with this name or peer id, without looking at all the others: nearly every call is for one. */
  named(ref: string): readonly KnownNode[];
  /** The way to call that node. */
  calls(peerId: string): Pick<PeerCalls, "call" | "reach">;
  readonly local: Pick<KernelView, "call">;
  readonly version: string;
}

/** Nodes of one call with many; the others wait until one has ended. */
const fanOutMax = 64;

export class MeshRouter implements Router {
  readonly #use: RouterOptions;

  constructor(use: RouterOptions) {
    this.#use = use;
  }

  isLocal(selector: string): boolean {
    if (selectsMany(selector)) return false;
    const parsed = parseSelector(selector);
    if (parsed.kind === "one") {
      const named = this.#use.named(parsed.name);
      return named.length === 1 && named[0]?.self === true;
    }
    return bestFirst(this.#use.nodes(), parsed.labels)[0]?.self === true;
  }

  async route(selector: string, routed: RoutedCall): Promise<Answer> {
    const parsed = parseSelector(selector);
    if (parsed.kind === "one") return await this.#one(this.#find(parsed.name), routed);
    const found = bestFirst(this.#use.nodes(), parsed.labels);
    if (found.length === 0) throw this.#none(selector);
    if (parsed.kind === "any") return await this.#any(selector, found, routed);
    const { callId } = routed.call;
    return { gives: "items", callId, items: this.#many(found.toSorted(byName), routed) };
  }

  /** @throws OperoneError as `findNode` */
  #find(ref: string): KnownNode {
    const named = this.#use.named(ref);
    const [node] = named;
    return node !== undefined && named.length === 1 ? node : findNode(this.#use.nodes(), ref);
  }

  async #one(node: KnownNode, { call, operation, permit }: RoutedCall): Promise<Answer> {
    const target = targetOf(node);
    if (!node.self) permit(target);
    if (node.self) return await this.#use.local.call(call);
    const { signal, callId, idempotencyKey, bytes, messages, onProgress } = call;
    return await this.#use.calls(node.peerId).call(operation.id, call.input, {
      signal,
      callId,
      claims: claimsFor(target, call, this.#use.version),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(bytes === undefined ? {} : { bytes }),
      ...(messages === undefined ? {} : { messages }),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  }

  /** The first that can be reached and where it is allowed. Nothing was sent to one that cannot be reached. */
  async #any(selector: string, found: readonly KnownNode[], routed: RoutedCall): Promise<Answer> {
    let last: unknown;
    for (const node of found) {
      try {
        if (!node.self) routed.permit(targetOf(node));
        if (!node.self) await this.#use.calls(node.peerId).reach(routed.call.signal);
      } catch (error) {
        last = error;
        continue;
      }
      return await this.#one(node, routed);
    }
    throw last ?? this.#none(selector);
  }

  async *#many(found: readonly KnownNode[], routed: RoutedCall): AsyncGenerator<unknown, void> {
    for (let at = 0; at < found.length; at += fanOutMax) {
      const part = found.slice(at, at + fanOutMax);
      yield* merged(part.map((node) => this.#itemsOf(node, this.#uniqueName(node), routed)));
    }
  }

  /** What one node gives or how it failed; never throws. */
  async *#itemsOf(node: KnownNode, name: string, routed: RoutedCall): AsyncGenerator<unknown, void> {
    try {
      const answer = await this.#one(node, routed);
      if (answer.gives === "value") yield { node: name, value: answer.value };
      else if (answer.gives === "items") for await (const value of answer.items) yield { node: name, value };
    } catch (error) {
      yield { node: name, error: errorBody(error, routed.call.callId) };
    }
  }

  #uniqueName({ name, peerId }: KnownNode): string {
    if (name === undefined) return peerId;
    const named = this.#use.named(name);
    return named.length === 1 && named[0]?.peerId === peerId ? name : peerId;
  }

  #none(selector: string): OperoneError {
    const labels = this.#use.nodes().map(({ name, peerId, labels }) => {
      const words = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
      return `${name ?? peerId} (${words.join(", ") || "no labels"})`;
    });
    return new OperoneError(
      "not_found",
      `No node has the labels of "${selector}"; there are: ${labels.slice(0, 10).join("; ")}`,
    );
  }
}

function targetOf({ peerId, name }: KnownNode): RouteTarget {
  return { peerId, names: new Set(name === undefined ? [peerId] : [peerId, name]) };
}

/** This node before all others, then the nearest, then those that are not connected. */
function bestFirst(nodes: readonly KnownNode[], labels: Labels): readonly KnownNode[] {
  const distance = ({ self, connected, roundTripMs = 1_000 }: KnownNode) =>
    self ? -1 : connected ? roundTripMs : Number.POSITIVE_INFINITY;
  const fitting = nodes.filter((node) => hasLabels(node.labels, labels));
  return fitting.toSorted((a, b) => {
    const [near, far] = [distance(a), distance(b)];
    return near === far ? byId(a, b) : near - far;
  });
}

function byName(a: KnownNode, b: KnownNode): number {
  const [left, right] = [a.name ?? a.peerId, b.name ?? b.peerId];
  return left === right ? byId(a, b) : left < right ? -1 : 1;
}

function byId(a: KnownNode, b: KnownNode): number {
  return a.peerId < b.peerId ? -1 : 1;
}
