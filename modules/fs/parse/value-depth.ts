/** How deep values are nested: programs that walk them have a stack that ends. */

/** Of a value that is given to anybody. */
export const jsonDepthMax = 512;

export function deeper(value: unknown, depthMax: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depthMax === 0) return true;
  for (const one of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof one === "object" && deeper(one, depthMax - 1)) return true;
  }
  return false;
}
