/** Moves, by a copy where there is no other way. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Progress } from "../../src/kernel/operation.ts";
import type { Entry } from "./backend.ts";
import { removeTree } from "./removal.ts";
import { entryShape } from "./shapes.ts";
import { entryAt } from "./state.ts";
import { transfer } from "./transfer.ts";
import type { Place } from "./tree.ts";

interface Source {
  readonly reading: Place;
  readonly writing: Place;
}

interface MoveOptions {
  readonly replace: boolean;
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
}

export async function moved({ reading, writing }: Source, target: Place, options: MoveOptions) {
  const entry = await renamed(writing, target, options.replace);
  if (entry !== undefined) return entryShape(entry, target.shown);
  const mode = options.replace ? "any" : "create";
  const { left } = await transfer(reading, target, { ...options, mode });
  const [first] = left;
  if (first !== undefined) {
    throw new OperoneError(
      "conflict",
      `"${reading.shown(reading.path)}" was copied to another file system but for ${left.length} things, so it stays where it is too: "${first.path}": ${first.why}`,
    );
  }
  await removeTree(writing, options.signal);
  return entryShape(await entryAt(target), target.shown);
}

/** Undefined: they are two file systems. */
async function renamed(source: Place, target: Place, replace: boolean): Promise<Entry | undefined> {
  if (source.backend !== target.backend) return undefined;
  try {
    return await source.backend.move(source.access, source.path, target.path, { replace });
  } catch (error) {
    const isFar = error instanceof OperoneError && error.code === "unsupported" && isCrossing(error.cause);
    if (isFar) return undefined;
    throw error;
  }
}

function isCrossing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "EXDEV";
}
