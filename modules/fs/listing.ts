/** Directories as pages and as trees. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Entry } from "./backend.ts";
import { nameOf } from "./file-path.ts";
import { entryShape } from "./shapes.ts";
import type { Place } from "./tree.ts";
import { byName, walk } from "./walk.ts";

/** Of one directory; more are no list for anybody. */
const entriesMax = 500_000;

interface Page {
  readonly sort: "name" | "size" | "modified";
  readonly reverse: boolean;
  readonly hidden: boolean;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Where a page ended: what the entries are compared by. */
interface Mark {
  readonly name: string;
  readonly value: number;
}

export async function listed(place: Place, page: Page, signal: AbortSignal) {
  const { limit } = page;
  const after = page.cursor === undefined ? undefined : markOf(page.cursor);
  const found: Entry[] = [];
  for await (const batch of place.backend.list(place.access, place.path, signal)) {
    for (const entry of batch) if (page.hidden || !nameOf(entry.path).startsWith(".")) found.push(entry);
    if (found.length > entriesMax) {
      throw new OperoneError(
        "too_large",
        `"${place.shown(place.path)}" has more than ${entriesMax} entries; find what you look for with fs.glob`,
      );
    }
  }
  const order = orderOf(page);
  const sorted = found
    .map((entry) => ({ entry, mark: markFor(entry, page.sort) }))
    .sort((a, b) => order(a.mark, b.mark));
  const from = after === undefined ? 0 : sorted.findIndex(({ mark }) => order(mark, after) > 0);
  const shown = from < 0 ? [] : sorted.slice(from, from + limit);
  const last = shown.at(-1);
  const isMore = last !== undefined && from + limit < sorted.length;
  return {
    path: place.shown(place.path),
    entries: shown.map(({ entry }) => entryShape(entry, place.shown)),
    total: sorted.length,
    ...(isMore ? { cursor: Buffer.from(JSON.stringify(last.mark)).toString("base64url") } : {}),
  };
}

function markFor(entry: Entry, sort: Page["sort"]): Mark {
  const value = sort === "size" ? entry.sizeBytes : sort === "modified" ? entry.modifiedMs : 0;
  return { name: nameOf(entry.path), value };
}

/** The largest and the newest first, as whoever sorts so wants to see them. */
function orderOf({ reverse }: Page): (a: Mark, b: Mark) => number {
  const sign = reverse ? -1 : 1;
  return (a, b) => sign * (b.value - a.value || byName(a.name, b.name));
}

/** @throws OperoneError `invalid_input` */
function markOf(cursor: string): Mark {
  try {
    const { name, value } = JSON.parse(Buffer.from(cursor, "base64url").toString()) as Partial<Mark>;
    if (typeof name === "string" && typeof value === "number") return { name, value };
  } catch {
    // The same answer as below.
  }
  throw new OperoneError(
    "invalid_input",
    `"${cursor.slice(0, 40)}" is no cursor of a list; leave it out to begin anew`,
  );
}

interface TreeInput {
  readonly depth: number;
  readonly hidden: boolean;
  readonly limit: number;
}

export async function treeOf(place: Place, { depth, hidden, limit }: TreeInput, signal: AbortSignal) {
  const entries: { path: string; kind: Entry["kind"]; depth: number }[] = [];
  let more = false;
  const isShown = (name: string) => hidden || !name.startsWith(".");
  const all = walk(place, { depthMax: depth, signal, enters: ({ name }) => isShown(name) });
  for await (const one of all) {
    if (!isShown(one.name)) continue;
    more = entries.length === limit;
    if (more) break;
    entries.push({ path: one.relative, kind: one.kind, depth: one.depth });
  }
  return { path: place.shown(place.path), entries, more };
}
