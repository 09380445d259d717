/**
 * Scans files on a thread of its own, so that a slow disk or a large file holds up nobody else.
 *
 * A file is opened through no link, and only if it lies where it was listed: what was put in its place meanwhile is left
 * out.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { systemName, textOfName } from "../name-text.ts";
import { LineSearch } from "./line-search.ts";
import type { ScanBatch, ScanResult, ScanStart } from "./scan-protocol.ts";

declare const self: Worker;

const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

let search: LineSearch | undefined;
let fileBytesMax = 0;
let position: Int32Array = new Int32Array(1);

self.onmessage = ({ data }: MessageEvent<ScanStart | ScanBatch>) => {
  if ("query" in data) {
    search = new LineSearch(data.query);
    ({ fileBytesMax, position } = data);
    return;
  }
  if (search !== undefined) self.postMessage(scanned(search, data));
};

function scanned(lines: LineSearch, { id, paths }: ScanBatch): ScanResult {
  const found: ScanResult["found"][number][] = [];
  let [files, bytes, skipped] = [0, 0, 0];
  for (const [at, path] of paths.entries()) {
    Atomics.store(position, 0, at);
    const content = contentOf(path);
    const matches = content === undefined ? undefined : lines.search(content);
    if (content === undefined || matches === undefined) {
      skipped += 1;
      continue;
    }
    files += 1;
    bytes += content.length;
    if (matches.length > 0) found.push({ at, matches });
  }
  return { id, found, files, bytes, skipped };
}

function contentOf(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(systemName(path), flags);
    const facts = fstatSync(fd);
    if (!facts.isFile() || facts.size > fileBytesMax || !liesAt(fd, path)) return undefined;
    return wholeOf(fd, facts.size);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function liesAt(fd: number, path: string): boolean {
  if (process.platform !== "linux") return true;
  return textOfName(readlinkSync(`/proc/self/fd/${fd}`, { encoding: "buffer" })) === path;
}

function wholeOf(fd: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const read = readSync(fd, bytes, length, size - length, length);
    if (read === 0) break;
    length += read;
  }
  return bytes.subarray(0, length);
}
