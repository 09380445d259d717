/**
 * What a script runs, read from its text by a parser of the shell's language, before anything runs.
 *
 * It is made for refusing: each form of the language is either known here, down to every word, or named in `unknown`.
 * What the parser says is checked against the text once more (script-words.ts, script-gaps.ts).
 */
import type { CommandWord } from "./command-pattern.ts";
import { limits } from "./limits.ts";
import { type BuiltinFinds, readBuiltin } from "./script-builtins.ts";
import { readText } from "./script-part.ts";
import { type Shell, scriptVector, startedBy } from "./script-vector.ts";
import { shown } from "./script-words.ts";

export interface ScriptReading {
  /** Every program that may start, with its words. */
  readonly commands: readonly (readonly CommandWord[])[];
  /** Parts of the shell itself that have no effect beyond the script. */
  readonly builtins: readonly (readonly CommandWord[])[];
  /** What only starts one of the commands or a script that is read: `timeout 5 ls`, `sh -c TEXT`. */
  readonly starters: readonly (readonly CommandWord[])[];
  /** The shell that reads the first script; undefined when there is none. */
  readonly shell: Shell | undefined;
  /** Files that redirections open, as `> notes.txt`. /dev/null is none. */
  readonly files: readonly string[];
  /** Variables that programs may get, or that the shell may act on. */
  readonly names: readonly string[];
  /** Why there may be more than all that. Empty: there is not. */
  readonly unknown: readonly string[];
}

/**
 * @param argv as a script of this one command
 * @param given names of variables that it starts with, beside the clean ones of every command
 */
export function readVector(argv: readonly string[], given: readonly string[] = []): ScriptReading {
  const reader = new ScriptReader(given);
  reader.vector(argv, []);
  return reader.reading();
}

class ScriptReader {
  readonly #commands: (readonly CommandWord[])[] = [];
  readonly #builtins: (readonly CommandWord[])[] = [];
  readonly #starters: (readonly CommandWord[])[] = [];
  #shell: Shell | undefined;
  readonly #files: string[] = [];
  readonly #names = new Set<string>();
  readonly #unknown = new Set<string>();
  /** Variables that may hold other things than numbers, and those that are counted with. */
  readonly #texts: Set<string>;
  readonly #counted = new Set<string>();
  /** Names that are called as functions, and those that `unset` may have taken away. */
  readonly #called = new Set<string>();
  readonly #unset = new Set<string>();
  #moves = false;
  #depth = 0;

  constructor(given: readonly string[]) {
    this.#texts = new Set(given);
  }

  reading(): ScriptReading {
    for (const name of this.#counted) {
      if (this.#texts.has(name) || /[A-Z]/.test(name))
        this.refuse(`"${name}" is counted with, and may hold other things than a number`);
    }
    for (const name of this.#called) {
      if (this.#unset.has(name)) this.refuse(`"${name}" is a function, or a program once that is unset`);
    }
    if (this.#moves && this.#commands.some(([program]) => isRelative(program)))
      this.refuse("it names a program by a relative path, and goes to other folders");
    return {
      commands: this.#commands,
      builtins: this.#builtins,
      starters: this.#starters,
      shell: this.#shell,
      files: this.#files,
      names: [...this.#names].toSorted(),
      unknown: [...this.#unknown],
    };
  }

  refuse(why: string): void {
    if (this.#unknown.size < limits.scriptProblemsMax) this.#unknown.add(why);
  }

  script(source: string, shell: Shell): void {
    this.#shell ??= shell;
    this.#depth += 1;
    const refusal =
      this.#depth > limits.scriptDepthMax ? "it holds scripts within scripts" : unreadable(source);
    if (refusal !== undefined) this.refuse(refusal);
    else this.#text(source, shell);
    this.#depth -= 1;
  }

  /** A parser that fails on some text has not read it, whatever it failed on: nesting beyond the stack, for one. */
  #text(source: string, shell: Shell): void {
    try {
      readText(this, source, shell);
    } catch (error) {
      this.refuse(`it cannot be parsed: ${error instanceof Error ? error.message : "unknown"}`);
    }
  }

  /** @param functions names that are functions of the script at this place */
  vector(argv: readonly CommandWord[], functions: readonly string[], shell: Shell = "sh"): void {
    const [program] = argv;
    if (typeof program !== "string") {
      this.refuse(`which program ${shown(program?.text ?? "")} is, is known only when it runs`);
      return;
    }
    if (this.#commands.length + this.#builtins.length + this.#starters.length >= limits.scriptCommandsMax) {
      this.refuse(`it has more than ${limits.scriptCommandsMax} commands`);
      return;
    }
    if (functions.includes(program)) {
      this.#starters.push(argv);
      this.#called.add(program);
    } else if (readBuiltin(argv, this.#builtinFinds(shell))) this.#builtins.push(argv);
    else this.#program(argv, shell);
  }

  #program(argv: readonly CommandWord[], shell: Shell): void {
    const script = scriptVector(argv);
    const started = startedBy(argv);
    const looked = typeof script === "object" || (typeof started === "object" && started.plain);
    (looked ? this.#starters : this.#commands).push(argv);
    if (typeof script === "string") this.refuse(script);
    if (typeof script === "object") this.script(script.script, script.shell);
    if (typeof started === "string") this.refuse(started);
    if (typeof started !== "object") return;
    for (const name of started.names) {
      this.sets(name);
      this.exports(name);
    }
    this.#nested(() => this.#inner(started.argv, shell));
  }

  /** A builtin behind `env` is the program of that name. */
  #inner(argv: readonly CommandWord[], shell: Shell): void {
    if (typeof argv[0] === "string") this.#program(argv, shell);
    else this.vector(argv, [], shell);
  }

  #nested(read: () => void): void {
    this.#depth += 1;
    if (this.#depth > limits.scriptDepthMax) this.refuse("it holds commands within commands");
    else read();
    this.#depth -= 1;
  }

  sets(name: string, value?: CommandWord): void {
    if (typeof value !== "string" || !/^(?:-?[0-9]+)?$/.test(value)) this.#texts.add(name);
    // The shell acts on some of these (PATH, PS4, BASH_ENV); programs have others already.
    if (/[A-Z]/.test(name) && name !== "IFS") this.#names.add(name);
  }

  exports(name: string): void {
    this.#names.add(name);
  }

  counts(names: readonly string[]): void {
    for (const name of names) this.#counted.add(name);
  }

  file(text: string): void {
    if (this.#files.length < limits.scriptCommandsMax) this.#files.push(text);
    else this.refuse(`it opens more than ${limits.scriptCommandsMax} files`);
  }

  #builtinFinds(shell: Shell): BuiltinFinds {
    return {
      refuse: (why) => this.refuse(why),
      sets: (name, value) => this.sets(name, value),
      exports: (name) => this.exports(name),
      unsets: (name) => this.#unset.add(name),
      moves: () => {
        this.#moves = true;
      },
      // Its functions are not known there: it may run before or after they are made.
      later: (script) => this.script(script, shell),
      runs: (argv) => this.#nested(() => this.vector(argv, [], shell)),
    };
  }
}

function isRelative(program: CommandWord | undefined): boolean {
  return typeof program === "string" && program.includes("/") && !program.startsWith("/");
}

/** Characters that shells and the parser may take differently, and what the parser is slow with. */
function unreadable(source: string): string | undefined {
  if (source.length > limits.scriptLengthMax) return `it is longer than ${limits.scriptLengthMax} characters`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[^\S \t\n]|[\0-\x08\x0e-\x1f\x7f]/.test(source)) return "it has control characters or unusual spaces";
  if ((source.match(/<</g) ?? []).length > limits.heredocsMax)
    return `it has over ${limits.heredocsMax} here-documents`;
  return undefined;
}
