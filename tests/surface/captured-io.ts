/** A terminal that keeps what is written to it. */
import type { CliIo } from "../../src/surface/cli-io.ts";

export interface CapturedIo extends CliIo {
  readonly out: () => string;
  readonly outBytes: () => Uint8Array;
  readonly err: () => string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface CapturedOptions {
  readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly tty?: Partial<CliIo["isTty"]>;
  readonly columns?: number;
  readonly monotonicMs?: () => number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly files?: Readonly<Record<string, string>>;
  /** Bytes after which stdout is closed by its reader. */
  readonly stdoutBytesMax?: number;
}

export function capturedIo(options: CapturedOptions = {}): CapturedIo {
  const encoder = new TextEncoder();
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const files = new Map(
    Object.entries(options.files ?? {}).map(([name, text]) => [name, encoder.encode(text)]),
  );
  const writer = (chunks: Uint8Array[], bytesMax = Number.POSITIVE_INFINITY) => ({
    async write(data: string | Uint8Array) {
      if (sum(chunks) >= bytesMax) throw Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
      chunks.push(typeof data === "string" ? encoder.encode(data) : data.slice());
    },
  });
  return {
    stdin: streamOf(options.stdin ?? ""),
    stdout: writer(out, options.stdoutBytesMax),
    stderr: writer(err),
    isTty: { stdin: false, stdout: false, stderr: false, ...options.tty },
    columns: options.columns ?? 80,
    monotonicMs: options.monotonicMs ?? (() => 0),
    environment: options.environment ?? {},
    signal: options.signal ?? new AbortController().signal,
    readFile: (path) => streamOf(files.get(path) ?? ""),
    async writeFile(path, chunks) {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      files.set(path, joined(parts));
    },
    out: () => new TextDecoder().decode(joined(out)),
    outBytes: () => joined(out),
    err: () => new TextDecoder().decode(joined(err)),
    files,
  };
}

async function* streamOf(
  source: string | Uint8Array | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (typeof source === "string") yield new TextEncoder().encode(source);
  else if (source instanceof Uint8Array) yield source;
  else yield* source;
}

function sum(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((total, chunk) => total + chunk.length, 0);
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(sum(chunks));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
