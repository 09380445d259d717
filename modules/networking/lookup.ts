/** From what a person types to one node of the mesh. */
import { OperoneError } from "../../src/kernel/error.ts";
import { nearest } from "../../src/kernel/nearest.ts";

export interface Named {
  readonly peerId: string;
  readonly name: string | undefined;
}

/** @throws OperoneError `not_found` with the nearest name, `conflict` with the ids when two have the name */
export function findNode<T extends Named>(nodes: readonly T[], ref: string): T {
  const byId = nodes.find(({ peerId }) => peerId === ref);
  if (byId !== undefined) return byId;
  const named = nodes.filter(({ name }) => name === ref);
  const [first] = named;
  if (first === undefined) throw unknownNode(ref, nodes);
  if (named.length === 1) return first;
  const peerIds = named.map(({ peerId }) => peerId).toSorted();
  throw new OperoneError(
    "conflict",
    `${named.length} nodes are called "${ref}": ${peerIds.join(", ")}; name one by its id, or rename one of them`,
    { peerIds },
  );
}

/** What to call the node so that it is the only one: its name, and its id where others have the name. */
function callNameOf({ peerId, name }: Named, nodes: readonly Named[]): string {
  if (name === undefined) return peerId;
  return nodes.some((other) => other.name === name && other.peerId !== peerId) ? `${name} (${peerId})` : name;
}

function unknownNode(ref: string, nodes: readonly Named[]): OperoneError {
  const names = nodes.map(({ name, peerId }) => name ?? peerId);
  const near = nearest(ref, names);
  const next =
    near !== undefined
      ? `did you mean "${near}"?`
      : `there are: ${nodes
          .map((node) => callNameOf(node, nodes))
          .toSorted()
          .slice(0, 20)
          .join(", ")}`;
  return new OperoneError("not_found", `There is no node "${ref.slice(0, 80)}" in this mesh; ${next}`, {
    node: ref.slice(0, 80),
  });
}
