/** Files by a pattern of their path. */
import { OperoneError } from "../../src/kernel/error.ts";
import { entryAt } from "./state.ts";
import type { Place } from "./tree.ts";
import { type Walked, walk } from "./walk.ts";

interface GlobInput {
  readonly pattern: string;
  readonly hidden: boolean;
  readonly limit: number;
}

export async function* globbed(place: Place, { pattern, hidden, limit }: GlobInput, signal: AbortSignal) {
  if (pattern.startsWith("/") || pattern.split("/").includes("..")) {
    throw new OperoneError(
      "invalid_input",
      `The pattern "${pattern}" leaves the directory; name that as the path, and the pattern below it`,
    );
  }
  const whole = new Bun.Glob(pattern);
  const entry = await entryAt(place);
  if (entry.kind !== "directory")
    throw new OperoneError("conflict", `"${place.shown(place.path)}" is no directory to look in`);
  // A name with a dot is meant where the pattern says so.
  const showsAll = hidden || /(^|[/{,])\./.test(pattern);
  const isShown = ({ name }: Walked) => showsAll || !name.startsWith(".");
  const depthMax = pattern.includes("**") ? undefined : pattern.split("/").length;
  let left = limit;
  const options = { signal, enters: isShown, ...(depthMax === undefined ? {} : { depthMax }) };
  for await (const one of walk(place, options)) {
    if (!isShown(one) || !whole.match(one.relative)) continue;
    yield { path: place.shown(one.path), kind: one.kind };
    left -= 1;
    if (left === 0) return;
  }
}
