/** From what a person types to one node of the mesh. */
import { OperoneError } from "../../src/kernel/error.ts";
import { nearest } from "../../src/kernel/nearest.ts";

export interface Named {
  readonly peerId: string;
  readonly name: string | undefined;
}

/** @throws OperoneError `not_found` with the nearest name, `conflict` with the ids when two have the name */
export function findNode<T extends Named>(nodes: readonly T[], ref: string): T {
  const named = nodes.filter(({ peerId, name }) => peerId === ref || name === ref);
  const [first] = named;
  if (first === undefined) throw unknownNode(ref, nodes);
  if (named.length === 1) return first;
  const peerIds = named.map(({ peerId }) => peerId);
  throw new OperoneError(
    "conflict",
    `${named.length} nodes are called "${ref}": ${peerIds.join(", ")}; name one by its id, or rename one of them`,
    { peerIds },
  );
}

export function peerIdOf(nodes: readonly Named[], ref: string): string {
  return findNode(nodes, ref).peerId;
}

function unknownNode(ref: string, nodes: readonly Named[]): OperoneError {
  const names = nodes.map(({ name, peerId }) => name ?? peerId);
  const near = nearest(ref, names);
  const next =
    near !== undefined ? `did you mean "${near}"?` : `there are: ${names.toSorted().slice(0, 20).join(", ")}`;
  return new OperoneError("not_found", `There is no node "${ref.slice(0, 80)}" in this mesh; ${next}`);
}
