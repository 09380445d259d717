/** The log's file: lines are gathered for one turn of the event loop, written in one go, and rotated by size. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export interface LogFileLimits {
  /** One file is rotated before it grows beyond this. */
  readonly fileBytesMax: number;
  /** Files that are kept, the one being written included. */
  readonly filesMax: number;
  /** Lines that wait for one turn of the event loop. */
  readonly waitingBytesMax: number;
  /** After a failed write nothing is tried for this long. */
  readonly retryMs: number;
}

export const logFileLimits: LogFileLimits = {
  fileBytesMax: 8 * 1024 * 1024,
  filesMax: 4,
  waitingBytesMax: 1024 * 1024,
  retryMs: 5_000,
};

export interface LogFile {
  /** Takes a line with its end. Never throws: a log that cannot be written must not stop the node. */
  add(line: string): void;
  flush(): void;
  close(): void;
}

/**
 * @param lost called when writing works again, with the number of lines that were lost and the system's reason
 */
export function logFile(
  path: string,
  limits: LogFileLimits,
  monotonicMs: () => number,
  lost: (lines: number, reason: string) => void,
): LogFile {
  return new RotatingFile(path, limits, monotonicMs, lost);
}

/** `node.log` and 2 become `node.2.log`. */
function rotatedName(path: string, index: number): string {
  return index === 0 ? path : path.replace(/(\.[^./]+)?$/, (extension) => `.${index}${extension}`);
}

class RotatingFile implements LogFile {
  readonly #path: string;
  readonly #limits: LogFileLimits;
  readonly #monotonicMs: () => number;
  readonly #lost: (lines: number, reason: string) => void;
  #fd: number | undefined;
  #sizeBytes = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #scheduled = false;
  #closed = false;
  #linesLost = 0;
  #reason = "";
  #retryAtMs = 0;
  /** A write stopped in the middle of a line. */
  #torn = false;

  constructor(
    path: string,
    limits: LogFileLimits,
    monotonicMs: () => number,
    lost: (lines: number, reason: string) => void,
  ) {
    this.#path = path;
    this.#limits = limits;
    this.#monotonicMs = monotonicMs;
    this.#lost = lost;
  }

  add(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#closed || this.#waitingBytes + bytes.length > this.#limits.waitingBytesMax) {
      this.#linesLost += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    const lines = this.#waiting;
    if (lines.length === 0 || this.#closed) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#linesLost > 0 && this.#monotonicMs() < this.#retryAtMs) {
      this.#linesLost += lines.length;
      return;
    }
    try {
      this.#write(Buffer.concat(lines));
      this.#tellLost();
    } catch (error) {
      this.#linesLost += lines.length;
      this.#reason = error instanceof Error ? error.message : String(error);
      this.#retryAtMs = this.#monotonicMs() + this.#limits.retryMs;
      this.#closeFile();
    }
  }

  close(): void {
    this.flush();
    this.#closed = true;
    this.#closeFile();
  }

  #write(bytes: Buffer): void {
    let fd = this.#fd ?? this.#open();
    if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#limits.fileBytesMax) {
      this.#rotate();
      fd = this.#open();
    }
    const whole = this.#torn ? Buffer.concat([Buffer.from("\n"), bytes]) : bytes;
    const written = writeSync(fd, whole);
    this.#sizeBytes += written;
    this.#torn = written < whole.length;
    // A file system with its last block left takes a part and gives no error.
    if (this.#torn) throw new Error(`only ${written} of ${whole.length} bytes were written`);
  }

  #open(): number {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const fd = openSync(this.#path, "a", 0o600);
    this.#fd = fd;
    const facts = fstatSync(fd);
    this.#sizeBytes = facts.isFile() ? facts.size : 0;
    return fd;
  }

  #rotate(): void {
    this.#closeFile();
    rmSync(rotatedName(this.#path, this.#limits.filesMax - 1), { force: true });
    for (let index = this.#limits.filesMax - 2; index >= 0; index--) {
      try {
        renameSync(rotatedName(this.#path, index), rotatedName(this.#path, index + 1));
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      }
    }
  }

  #closeFile(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      closeSync(fd);
    } catch {
      // A close that reports a late write error has still released the descriptor.
    }
  }

  #tellLost(): void {
    if (this.#linesLost === 0) return;
    const lines = this.#linesLost;
    this.#linesLost = 0;
    this.#lost(lines, this.#reason);
  }
}
