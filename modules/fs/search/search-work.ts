/** What a worker does for one search after the other: it lists directories and scans files, and waits for no one. */
import { Buffer } from "node:buffer";
import { OperoneError } from "../../../src/kernel/error.ts";
import { IgnoreRules, ignoreFileBytesMax, ignoreFileNames } from "../ignore-files.ts";
import { HeldDirectory, NotSearched } from "./disk.ts";
import { FileScan } from "./file-scan.ts";
import { type Matcher, matcherOf } from "./matcher.ts";
import type { FileOutcome } from "./query.ts";
import { Selected } from "./selected.ts";
import {
  type Answer,
  type Begin,
  type Counts,
  type FileResult,
  type Listed,
  type ListTask,
  type NamedResult,
  type PieceTask,
  type Request,
  type ScanTask,
  signals,
} from "./worker-wire.ts";

/** Characters in one answer; the files that are left are asked for again. */
const answerLengthMax = 1024 * 1024;
/** Of one directory; the others are for whoever has time. */
const ownFilesMax = 256;
/** What a line costs beside its text. */
const lineLength = 16;

export class SearchWork {
  #search: OneSearch | undefined;

  answered(request: Request): Answer {
    try {
      if (request.kind === "begin") {
        this.#search = new OneSearch(request);
        return { kind: "ready" };
      }
      if (this.#search === undefined) throw new Error("a search has to begin first");
      return this.#search.answered(request);
    } catch (error) {
      const code = error instanceof OperoneError && error.code === "invalid_input" ? error.code : "internal";
      return { kind: "refused", code, message: error instanceof Error ? error.message : String(error) };
    }
  }
}

class OneSearch {
  readonly #begin: Begin;
  readonly #matcher: Matcher;
  readonly #selected: Selected;
  readonly #own: ReadonlySet<string>;
  readonly #rules = new Map([[0, new IgnoreRules()]]);
  readonly #pieces = new Map<number, FileScan>();
  /** The last that was seen to hold files. */
  #device: number | undefined;

  constructor(begin: Begin) {
    this.#begin = begin;
    this.#matcher = matcherOf(begin.query);
    this.#selected = new Selected(begin.selection);
    this.#own = new Set(begin.own);
  }

  answered(task: Exclude<Request, Begin>): Answer {
    if (task.kind === "list") return this.#list(task);
    if (task.kind === "scan") return this.#scan(task);
    if (task.kind === "piece") return this.#piece(task);
    this.#pieces.delete(task.file);
    return { kind: "ready" };
  }

  #goesOn(index?: number): boolean {
    const { signals: shared } = this.#begin;
    if (index !== undefined) Atomics.store(shared, signals.index, index);
    Atomics.add(shared, signals.steps, 1);
    return Atomics.load(shared, signals.ended) === 0;
  }

  #list({ directories, rules }: ListTask): Answer {
    for (const { id, parent, relative, texts } of rules)
      this.#rules.set(id, this.#rulesOf(parent).with(relative, texts));
    const batch = new Batch(this.#begin.query.limit);
    const listed = directories.map((directory, index) =>
      this.#goesOn(index) ? orNothing(() => this.#listed(directory, batch)) : undefined,
    );
    return { kind: "listed", listed, counts: batch.counts };
  }

  #rulesOf(id: number): IgnoreRules {
    const rules = this.#rules.get(id);
    if (rules === undefined) throw new Error(`the rules ${id} were never sent`);
    return rules;
  }

  #listed({ path, obeys, rules, scans }: ListTask["directories"][number], batch: Batch): Listed | undefined {
    using held = HeldDirectory.at(path, this.#own);
    if (held === undefined) return undefined;
    if (held.device !== this.#device && held.isDoor())
      return { results: [], files: [], directories: [], texts: [] };
    this.#device = held.device;
    const { files, directories } = held.entries();
    const texts = obeys
      ? ignoreFileNames.filter((name) => files.includes(name)).map((name) => textIn(held, name))
      : [];
    const relative = this.#below(path);
    const here = this.#rulesOf(rules).with(relative, texts);
    const prefix = relative === "" ? "" : `${relative}/`;
    const wanted = files.filter((name) => this.#selected.file(here, prefix + name, name));
    const results: NamedResult[] = [];
    let done = 0;
    while (scans && done < Math.min(wanted.length, ownFilesMax) && !batch.isFull && this.#goesOn()) {
      const name = wanted[done++] ?? "";
      const result = batch.add(orNothing(() => this.#scanned(held, name)));
      if (result !== undefined) results.push({ name, result });
    }
    return {
      results,
      files: done === 0 ? wanted : wanted.slice(done),
      directories: directories.filter((name) => this.#selected.directory(here, prefix + name, name)),
      texts,
    };
  }

  #below(path: string): string {
    const { root } = this.#begin;
    return root === "/" ? path.slice(1) : path.slice(root.length + 1);
  }

  #scan({ groups }: ScanTask): Answer {
    const results: FileResult[] = [];
    const batch = new Batch(this.#begin.query.limit);
    let index = 0;
    scan: for (const { directory, names } of groups) {
      using held = orNothing(() => HeldDirectory.at(directory, this.#own));
      for (const name of names) {
        if (!this.#goesOn(index) || batch.isFull) break scan;
        const result = batch.add(held === undefined ? undefined : orNothing(() => this.#scanned(held, name)));
        if (result !== undefined) results.push({ index, ...result });
        index += 1;
      }
    }
    return { kind: "scanned", results, done: index, counts: batch.counts };
  }

  #scanned(held: HeldDirectory, name: string): FileOutcome {
    const { query } = this.#begin;
    const scan = new FileScan(query, this.#matcher);
    held.read(name, query.fileBytesMax, (chunk, isLast) => this.#goesOn() && scan.push(chunk, isLast));
    return scan.outcome();
  }

  #piece({ file, chunk, isLast }: PieceTask): Answer {
    this.#goesOn(0);
    const scan = this.#pieces.get(file) ?? new FileScan(this.#begin.query, this.#matcher);
    this.#pieces.set(file, scan);
    if (scan.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), isLast))
      return { kind: "more" };
    this.#pieces.delete(file);
    const batch = new Batch(this.#begin.query.limit);
    const result = batch.add(scan.outcome());
    const results = result === undefined ? [] : [{ index: 0, ...result }];
    return { kind: "scanned", results, done: 1, counts: batch.counts };
  }
}

/** What goes into one answer. */
class Batch {
  readonly #linesMax: number;
  #lines = 0;
  #length = 0;
  #files = 0;
  #bytes = 0;
  #skipped = 0;

  constructor(linesMax: number) {
    this.#linesMax = linesMax;
  }

  get isFull(): boolean {
    return this.#lines > this.#linesMax || this.#length > answerLengthMax;
  }

  get counts(): Counts {
    return { files: this.#files, bytes: this.#bytes, skipped: this.#skipped };
  }

  /** Gives back what has something to tell. @param outcome undefined for what was not to be read */
  add(outcome: FileOutcome | undefined): FileOutcome | undefined {
    this.#bytes += outcome?.bytes ?? 0;
    if (outcome?.binary === false) this.#files += 1;
    else this.#skipped += 1;
    if (outcome === undefined || !(outcome.limited || outcome.found.lines.length > 0)) return undefined;
    this.#lines += outcome.found.lines.length;
    this.#length += lengthOf(outcome);
    return outcome;
  }
}

function lengthOf({ found }: FileOutcome): number {
  let length = found.text.length + found.lines.length * lineLength;
  for (const { before, after } of found.around)
    for (const line of [...before, ...after]) length += line.length + lineLength;
  return length;
}

/** Empty for what cannot be read or is too long: then it leaves nothing out. */
function textIn(held: HeldDirectory, name: string): string {
  const parts: Buffer[] = [];
  orNothing(() =>
    held.read(name, ignoreFileBytesMax, (chunk) => {
      parts.push(Buffer.from(chunk));
      return true;
    }),
  );
  return Buffer.concat(parts).toString();
}

/** What cannot be read, or went away meanwhile, is passed over. */
function orNothing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof NotSearched || (error instanceof Error && "syscall" in error)) return undefined;
    throw error;
  }
}
