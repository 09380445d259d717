/** Moves, by a copy where there is no other way. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Progress } from "../../src/kernel/operation.ts";
import type { Entry } from "./backend.ts";
import { removeCopied } from "./removal.ts";
import { entryShape } from "./shapes.ts";
import { entryAt, entryWhole } from "./state.ts";
import { type Copied, transfer } from "./transfer.ts";
import type { Place } from "./tree.ts";
import { walk } from "./walk.ts";

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
  if (writing.path === "/") {
    throw new OperoneError(
      "conflict",
      `"${writing.shown("/")}" stays where it is; move what is in it, or copy it`,
    );
  }
  const entry = await renamed(writing, target, options.replace);
  if (entry !== undefined) return entryShape(entry, target.shown);
  const mode = options.replace ? "any" : "create";
  const before = await firstFile(reading, options.signal);
  const all: Copied[] = [];
  const copied = (one: Copied) => void all.push(one);
  const { left } = await transfer(reading, target, { ...options, mode, copied });
  const [first] = left;
  if (first !== undefined) {
    throw new OperoneError(
      "conflict",
      `"${reading.shown(reading.path)}" was copied to another file system but for ${left.length} things, so it stays where it is too: "${first.path}": ${first.why}`,
    );
  }
  await assertAnother(reading, target, before);
  if (!(await removeCopied(writing, all, options.signal))) {
    throw new OperoneError(
      "conflict",
      `A part of "${reading.shown(reading.path)}" changed while it was copied to another file system; that part is still there, and the copy has it as it was before`,
    );
  }
  return entryShape(await entryAt(target), target.shown);
}

/**
 * Two paths may lead to one file, by a mount of what is there anyway, or by a mount that leads back from another node. Then
 * the copy has replaced the original, which must not go. Of a directory one file tells: the copy writes each of them.
 */
async function assertAnother(source: Place, target: Place, before: Entry | undefined): Promise<void> {
  if (before === undefined) return;
  const now = await entryWhole({ ...source, path: before.path });
  if (now.etag === before.etag) return;
  throw new OperoneError(
    "conflict",
    `"${source.shown(before.path)}" changed while it was copied to "${target.shown(target.path)}", so all of it stays where it is; if both are one place, nothing has to be moved`,
  );
}

async function firstFile(place: Place, signal: AbortSignal): Promise<Entry | undefined> {
  const whole = await entryWhole(place);
  if (whole.kind === "file") return whole;
  if (whole.kind !== "directory") return undefined;
  for await (const { path, kind } of walk(place, { signal }))
    if (kind === "file") return await entryWhole({ ...place, path });
  return undefined;
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
