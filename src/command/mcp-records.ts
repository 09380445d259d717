/**
 * What was connected, in the data directory: the settings as they were, so that they can be put back. Entries of ours
 * are known by their digest alone, because they may hold a token.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";
import { diskFiles } from "../platform/files.ts";

const Record = v.object({
  version: v.literal(1),
  client: v.string(),
  /** The settings file, at the end of its links. */
  real: v.string(),
  agent: v.string(),
  /** Whether the agent was made for this or another connection, and ends with the last of them. */
  agentMade: v.boolean(),
  kind: v.picklist(["stdio", "http"]),
  /** The text as it was; null: there was no file. */
  before: v.nullable(v.string()),
  mode: v.nullable(v.number()),
  /** The outermost folder that was made for the file. */
  madeFolder: v.nullable(v.string()),
  /** The entry that ours took the place of; null: none. */
  entryBefore: v.nullable(v.record(v.string(), v.unknown())),
  /** SHA-256 of the text that was written. */
  textDigest: v.string(),
  /** SHA-256 of the entry that was written, as JSON. */
  entryDigest: v.string(),
});
export type Record = v.InferOutput<typeof Record>;

/** One of the names in own-names.ts. */
const recordsFolder = "connections";
/** The settings twice, as JSON in JSON, are well below it. */
const recordBytesMax = 128 * 1024 * 1024;

export function digestOf(value: string): string {
  return createHash("sha256").update(value).digest("hex");
}

export function entryDigest(entry: unknown): string {
  return digestOf(JSON.stringify(entry) ?? "");
}

export class Records {
  readonly #folder: string;
  readonly #files = diskFiles();

  constructor(directory: string) {
    this.#folder = join(directory, recordsFolder);
  }

  /** @throws OperoneError `unavailable` for a record that is damaged */
  async find(client: string, real: string): Promise<Record | undefined> {
    return await this.#read(this.#pathOf(client, real));
  }

  async keep(record: Record): Promise<void> {
    await this.#files.ensureDirectory(this.#folder);
    await this.#files.writePrivate(this.#pathOf(record.client, record.real), JSON.stringify(record));
  }

  async drop({ client, real }: Pick<Record, "client" | "real">): Promise<void> {
    await this.#files.remove(this.#pathOf(client, real));
  }

  async all(): Promise<readonly Record[]> {
    const records: Record[] = [];
    for (const name of await this.#files.list(this.#folder)) {
      const record = name.endsWith(".json") ? await this.#read(join(this.#folder, name)) : undefined;
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  /** Of every connection that uses the agent. */
  async of(agent: string): Promise<readonly Record[]> {
    return (await this.all()).filter((record) => record.agent === agent);
  }

  #pathOf(client: string, real: string): string {
    return join(this.#folder, `${client}-${digestOf(real).slice(0, 16)}.json`);
  }

  async #read(path: string): Promise<Record | undefined> {
    const bytes = await this.#files.read(path, recordBytesMax);
    if (bytes === undefined) return undefined;
    try {
      return v.parse(Record, JSON.parse(new TextDecoder().decode(bytes)));
    } catch (cause) {
      throw new OperoneError(
        "unavailable",
        `${path} is no record of a connection; look at it and remove it, then undo the connection by hand`,
        undefined,
        { cause },
      );
    }
  }
}
