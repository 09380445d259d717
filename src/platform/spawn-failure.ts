/** Why a program could not be started, as an error that names it and the next step. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { OperoneError } from "../kernel/error.ts";
import type { SpawnOptions } from "../kernel/ports.ts";

export function spawnFailure(options: SpawnOptions, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const [program = ""] = options.argv;
  const failure = (
    code: "not_found" | "forbidden" | "invalid_input" | "too_large" | "limited",
    why: string,
  ) =>
    new OperoneError(code, `Could not start ${JSON.stringify(program)}: ${why}`, undefined, { cause: error });
  switch (error.code) {
    case "ENOENT":
      return failure("not_found", missing(program, options));
    case "ENOTDIR":
      return failure("not_found", "a part of its path is a file");
    case "EACCES":
    case "EPERM":
      return failure(
        "forbidden",
        "the file is not executable, or this user may not run it; see its mode (chmod +x)",
      );
    case "ENOEXEC":
      return failure(
        "invalid_input",
        'it is no program for this system; a script without "#!" needs its interpreter in front',
      );
    case "ETXTBSY":
      return failure("invalid_input", "the file is being written; try again when that has ended");
    case "ELOOP":
      return failure("invalid_input", "its path is a loop of links");
    case "ENAMETOOLONG":
      return failure("invalid_input", "its path is too long");
    case "E2BIG":
      return failure(
        "too_large",
        "the arguments and the environment are larger than this system takes; give data by stdin",
      );
    case "EAGAIN":
    case "ENOMEM":
    case "EMFILE":
    case "ENFILE":
      return failure(
        "limited",
        "this system has no process, memory or descriptor left; wait for some commands to end",
      );
    case "ERR_INVALID_ARG_VALUE":
      return failure(
        "invalid_input",
        "an argument or a variable holds a NUL byte, which no program can receive",
      );
    default:
      return error;
  }
}

function missing(program: string, { workingDirectory, environment }: SpawnOptions): string {
  if (!program.includes("/")) {
    return `there is no such program in PATH (${environment.PATH ?? "which is empty"}); name it by its path`;
  }
  return existsSync(resolve(workingDirectory, program))
    ? "the file is there, but the interpreter or loader that it names is not"
    : "there is no such file";
}
