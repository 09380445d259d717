/** Copies one SQLite file as it is at one moment, off the main thread: a large file takes seconds. */
import { Database } from "bun:sqlite";
import { chmodSync } from "node:fs";

declare const self: Worker;

export interface SnapshotRequest {
  readonly source: string;
  readonly target: string;
}

/** Undefined when it worked. */
export type SnapshotAnswer = string | undefined;

self.onmessage = ({ data }: MessageEvent<SnapshotRequest>) => {
  self.postMessage(copy(data));
};

function copy({ source, target }: SnapshotRequest): SnapshotAnswer {
  try {
    const database = new Database(source, { readwrite: true, create: false });
    try {
      database.run("PRAGMA busy_timeout = 5000");
      database.run("VACUUM INTO ?", [target]);
    } finally {
      database.close();
    }
    chmodSync(target, 0o600);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
