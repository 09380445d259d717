/**
 * Whom a node keeps a link to. Up to `fullMeshMax` others: everybody. Beyond that the nodes are a ring in the order of
 * their ids, and each keeps the next two and those at half, a quarter, an eighth ... of the ring (as the fingers of
 * Chord, SIGCOMM 2001): connected, few hops across, and about log2(n) links instead of n.
 */
export const fullMeshMax = 16;
const successors = 2;

/** @param others ids without `self` and without doubles */
export function neighboursOf(self: string, others: readonly string[]): ReadonlySet<string> {
  if (others.length <= fullMeshMax) return new Set(others);
  const ring = [...others, self].toSorted();
  const at = ring.indexOf(self);
  const steps = Array.from({ length: successors }, (_, index) => index + 1);
  for (let step = Math.floor(ring.length / 2); step > successors; step = Math.floor(step / 2))
    steps.push(step);
  return new Set(steps.map((step) => ring[(at + step) % ring.length] ?? self).filter((id) => id !== self));
}
