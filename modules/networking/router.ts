/** Finds the nodes that a selector means, and sends the call to them. */
import type { Answer } from "../../src/kernel/call.ts";
import { errorBody, OperoneError } from "../../src/kernel/error.ts";
import type { Clock, RoutedCall, Router, RouteTarget } from "../../src/kernel/ports.ts";
import { hasLabels, type Labels, parseSelector, selectsMany } from "../../src/kernel/selector.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import type { RoleName } from "../access/contract.ts";
import { boundedAnswer } from "./answer-limit.ts";
import { checkedAnswer } from "./answer-shape.ts";
import { claimsFor } from "./claims.ts";
import { merged } from "./merged.ts";
import type { NamePins } from "./name-pins.ts";
import type { PeerCalls } from "./peer-calls.ts";

/** A node of the mesh as the router sees it; this one is among them. */
export interface KnownNode {
  readonly peerId: string;
  /** Absent until the node has told it. */
  readonly name: string | undefined;
  /** Its own word. */
  readonly labels: Labels;
  /** In the mesh. */
  readonly role: RoleName;
  readonly self: boolean;
  readonly connected: boolean;
  /** Milliseconds of the last round trip; absent while it is not connected. */
  readonly roundTripMs: number | undefined;
}

export interface RouterOptions {
  nodes(): readonly KnownNode[];
  /** Those with this name or peer id, without looking at all the others: nearly every call is for one. */
  named(ref: string): readonly KnownNode[];
  readonly names: Pick<NamePins, "find" | "isOwn" | "namesOf">;
  readonly clock: Clock;
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

  connected(): readonly string[] {
    return this.#use.nodes().flatMap(({ self, connected, name }) => (self || !connected ? [] : (name ?? [])));
  }

  async route(selector: string, routed: RoutedCall): Promise<Answer> {
    const parsed = parseSelector(selector);
    if (parsed.kind === "one") return await this.#one(this.#find(parsed.name), routed);
    const isAll = parsed.kind === "many" && Object.keys(parsed.labels).length === 0;
    const found = isAll ? this.#use.nodes() : bestFirst(this.#use.nodes(), parsed.labels);
    if (found.length === 0) throw this.#none(selector);
    if (parsed.kind === "any") return await this.#any(selector, found, routed);
    const { callId } = routed.call;
    return { gives: "items", callId, items: this.#many(found.toSorted(byName), routed) };
  }

  /** @throws OperoneError as `NamePins.find` */
  #find(ref: string): KnownNode {
    const named = this.#use.named(ref);
    return this.#use.names.find(named.length === 1 ? named : this.#use.nodes(), ref);
  }

  /** A name is in it only when it is this node's alone, and was no other node's before: grants count by it. */
  #targetOf({ peerId, name }: KnownNode): RouteTarget {
    const { named, names } = this.#use;
    const counts = name !== undefined && named(name).length === 1 && names.isOwn(name, peerId);
    const told = [...names.namesOf(peerId), ...(name === undefined ? [] : [name])];
    return { peerId, names: new Set(counts ? [peerId, name] : [peerId]), alsoDenied: new Set(told) };
  }

  async #one(node: KnownNode, { call, operation, permit }: RoutedCall): Promise<Answer> {
    const target = this.#targetOf(node);
    if (!node.self) permit(target);
    if (node.self) return await this.#use.local.call(call);
    const { callId, idempotencyKey, bytes, messages } = call;
    const name = node.name ?? node.peerId;
    const answer = await boundedAnswer(this.#use.clock, { call, operation, name }, (limited) =>
      this.#use.calls(node.peerId).call(operation.id, call.input, {
        ...limited,
        callId,
        claims: claimsFor(target, call, this.#use.version),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        ...(bytes === undefined ? {} : { bytes }),
        ...(messages === undefined ? {} : { messages }),
      }),
    );
    return checkedAnswer(answer, operation, name);
  }

  /** The first that can be reached and where it is allowed. Nothing was sent to one that cannot be reached. */
  async #any(selector: string, found: readonly KnownNode[], routed: RoutedCall): Promise<Answer> {
    let last: unknown;
    for (const node of found) {
      try {
        if (!node.self) routed.permit(this.#targetOf(node));
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
      `No node that is operator or admin in the mesh has the labels of "${selector}"; there are: ${labels.slice(0, 10).join("; ")}`,
    );
  }
}

/**
 * Labels are a node's own word, so they and `any` must not lead a call to one that is let in to see and no more: it
 * could draw to itself what was meant for others.
 */
function isTrusted({ role, self }: KnownNode): boolean {
  return self || role !== "observer";
}

/** This node before all others, then the nearest, then those that are not connected. */
function bestFirst(nodes: readonly KnownNode[], labels: Labels): readonly KnownNode[] {
  const distance = ({ self, connected, roundTripMs = 1_000 }: KnownNode) =>
    self ? -1 : connected ? roundTripMs : Number.POSITIVE_INFINITY;
  const fitting = nodes.filter((node) => hasLabels(node.labels, labels) && isTrusted(node));
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
