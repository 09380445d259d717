/** What a change would come to, as it is told when the change is only tried: counts, and a listing like a difference. */
import { OperoneError } from "../../src/kernel/error.ts";
import { visible } from "../../src/kernel/plain-text.ts";
import type { EntryKind } from "./backend.ts";
import { editBytesMax } from "./editing.ts";
import { namesMax } from "./plan-shapes.ts";
import { difference } from "./previewing.ts";
import type { Place } from "./tree.ts";

/** Replaced files whose text is compared. */
const comparedMax = 10;

export interface Sized {
  readonly kind: EntryKind;
  readonly sizeBytes: number;
}

export class Plan {
  readonly #lines = { "-": [] as string[], "+": [] as string[] };
  readonly #more = { "-": 0, "+": 0 };
  readonly #texts: string[] = [];
  #files = 0;
  #directories = 0;
  #others = 0;
  #bytes = 0;

  counts({ kind, sizeBytes }: Sized): void {
    if (kind === "directory") this.#directories += 1;
    else if (kind === "file") this.#files += 1;
    else this.#others += 1;
    if (kind === "file") this.#bytes += sizeBytes;
  }

  names(sign: "-" | "+", path: string, kind: EntryKind): void {
    // A name that holds the end of a line must not look like another name.
    const line = `${sign} ${visible(path)}${kind === "directory" ? "/" : ""}\n`;
    if (this.#lines[sign].length < namesMax) this.#lines[sign].push(line);
    else this.#more[sign] += 1;
  }

  /** One file in the place of another. @param before what is there, with the right to read it */
  async replaces(before: Place, after: Place, signal: AbortSignal): Promise<void> {
    if (this.#texts.length >= comparedMax) return;
    const path = before.shown(before.path);
    try {
      const [old, fresh] = [await bytesOf(before, signal), await bytesOf(after, signal)];
      if (old !== undefined && fresh !== undefined) this.#texts.push(difference(path, old, fresh));
    } catch (error) {
      const isForeign = error instanceof OperoneError && error.code === "forbidden";
      if (!isForeign) throw error;
      this.#texts.push(`"${visible(path)}" would be replaced, and what is in it is not yours to read\n`);
    }
  }

  result() {
    const more = (sign: "-" | "+") =>
      this.#more[sign] === 0 ? "" : `${sign} ... and ${this.#more[sign]} more\n`;
    const listing = (sign: "-" | "+") => this.#lines[sign].join("") + more(sign);
    return {
      ...{ files: this.#files, directories: this.#directories, others: this.#others, bytes: this.#bytes },
      diff: listing("-") + listing("+") + this.#texts.join(""),
      written: false as const,
    };
  }
}

/** Undefined: it is too large to be compared. */
async function bytesOf(place: Place, signal: AbortSignal): Promise<Buffer | undefined> {
  await using file = await place.backend.open(place.access, place.path);
  if (file.entry.sizeBytes > editBytesMax) return undefined;
  return Buffer.concat(await Array.fromAsync(file.read(signal)));
}
