/** The terminal as the command line sees it. */

export interface CliWriter {
  /** Resolves when it was taken, so that a slow reader slows the call. Rejects with the code EPIPE when nobody reads. */
  write(data: string | Uint8Array): Promise<void>;
}

/** The terminal in the hands of a program elsewhere: no key means anything here. */
export interface CliTerminal {
  /** Bytes that were typed, or the size from now on; its size first. */
  readonly events: AsyncIterable<Uint8Array | { readonly columns: number; readonly rows: number }>;
  /** Gives it back as it was. Idempotent. */
  restore(): void;
}

export interface CliIo {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: CliWriter;
  readonly stderr: CliWriter;
  readonly isTty: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** Where the person is: an absolute path of this system. Absent: nowhere, and paths stay as they are typed. */
  readonly workingDirectory?: string;
  /** Width of the terminal in cells; of no meaning where stdout is none. */
  readonly columns: number;
  /** NO_COLOR and TERM are read from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of a clock that only goes forward. */
  monotonicMs(): number;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Hands the terminal over; absent where there is none to hand over. */
  readonly openTerminal?: () => CliTerminal;
  readFile(path: string): AsyncIterable<Uint8Array>;
  /** Rejects without leaving half a file under that name when the chunks fail. */
  writeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
}

/** no-color.org: any value but the empty one turns colours off. */
export function usesColor({ isTty, environment }: CliIo): boolean {
  return isTty.stdout && (environment.NO_COLOR ?? "") === "" && environment.TERM !== "dumb";
}

export function isOutputClosed(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
