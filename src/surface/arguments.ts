/**
 * From the words of a command line to a call, and back.
 *
 *     operone <module> <operation> [WORD...] [--option VALUE | --option=VALUE | --flag | --no-flag] [-- WORD...]
 *
 * `--option:json TEXT` takes the whole value as JSON. An option may be written in camelCase too.
 */
import { OperoneError } from "../kernel/error.ts";
import { nearest } from "../kernel/nearest.ts";
import type { Operation } from "../kernel/operation.ts";
import { type Option, optionsOf, positionalsOf } from "./options.ts";
import { inputFromStrings, jsonSuffix, stringsFromInput } from "./schema.ts";

/** An option of the command line itself. */
export interface CallOption {
  readonly value?: string;
  readonly summary: string;
  /** Only for operations of this shape. */
  for?(operation: Operation): boolean;
}

/** Options beside an operation's own. No input may use these names; a test checks it for every operation. */
export const callOptions = {
  node: {
    value: "NODE",
    summary: "Run it on another node: a name, a peer id, any, all, gpu=true",
    for: ({ surfaces }) => surfaces.includes("mesh"),
  },
  json: { summary: "Print the plain JSON value, or one item a line" },
  input: {
    value: "JSON",
    summary: "The input as one JSON object, or - to read it from stdin; options go on top",
  },
  output: {
    value: "FILE",
    summary: "Write the bytes to a file",
    for: ({ gives }) => gives === "bytes",
  },
  "stdin-file": {
    value: "FILE",
    summary: "Read the bytes, or the messages one JSON value a line, from a file instead of stdin",
    for: ({ takes }) => takes !== "nothing",
  },
  timeout: { value: "DURATION", summary: "Cancel the call after this time: 500ms, 5s, 2m, 1h" },
  "idempotency-key": {
    value: "KEY",
    summary: "Repeating the call with the same key within 10 minutes runs nothing and gives the first answer",
    for: ({ effect, gives }) => effect !== "read" && gives === "value",
  },
  help: { summary: "Explain the command" },
} as const satisfies Readonly<Record<string, CallOption>>;

export type CallOptionName = keyof typeof callOptions;

export function callOptionsFor(operation: Operation): readonly (readonly [CallOptionName, CallOption])[] {
  const all = Object.entries(callOptions) as [CallOptionName, CallOption][];
  return all.filter(([, option]) => option.for?.(operation) !== false);
}

export interface ParsedCall {
  /** Name and text, as `inputFromStrings` takes them. */
  readonly pairs: readonly (readonly [string, string])[];
  /** Given call options; a flag's text is empty. */
  readonly given: ReadonlyMap<CallOptionName, string>;
}

/**
 * Reads the words after the operation's name.
 *
 * @throws OperoneError `invalid_input` for an unknown option, with the nearest known one, or a word too many
 */
export function parseArguments(operation: Operation, command: string, argv: readonly string[]): ParsedCall {
  const reader = new ArgumentReader(operation, command);
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "--") {
      for (const rest of argv.slice(at + 1)) reader.word(rest);
      break;
    }
    if (isOption(word)) at += reader.option(word, argv[at + 1]) ? 1 : 0;
    else reader.word(word);
  }
  return { pairs: reader.pairs, given: reader.given };
}

/** A single dash stands for stdin, and a negative number is a value. */
export function isOption(word: string): boolean {
  return word.startsWith("-") && word !== "-" && !/^-[0-9.]/.test(word);
}

class ArgumentReader {
  readonly pairs: [string, string][] = [];
  readonly given = new Map<CallOptionName, string>();
  readonly #operation: Operation;
  readonly #command: string;
  readonly #options: readonly Option[];
  readonly #callOptions: ReadonlyMap<string, CallOption>;
  readonly #positionals: readonly Option[];
  #words = 0;

  constructor(operation: Operation, command: string) {
    this.#operation = operation;
    this.#command = command;
    this.#options = optionsOf(operation);
    this.#callOptions = new Map(callOptionsFor(operation));
    this.#positionals = positionalsOf(operation);
  }

  word(word: string): void {
    const last = this.#positionals.at(-1);
    const option = this.#positionals[this.#words] ?? (last?.repeated === true ? last : undefined);
    if (option === undefined) {
      const takes = this.#positionals.map(({ name }) => name.toUpperCase()).join(" ") || "options only";
      throw this.#refuse(`${JSON.stringify(word)} is one word too many; it takes ${takes}`);
    }
    this.#words += 1;
    this.pairs.push([option.key, word]);
  }

  /** True when the next word was taken as the value. */
  option(word: string, next: string | undefined): boolean {
    const equals = word.indexOf("=");
    const written = equals < 0 ? word : word.slice(0, equals);
    const attached = equals < 0 ? undefined : word.slice(equals + 1);
    const name = written === "-h" ? "help" : written.slice(written.startsWith("--") ? 2 : 1);
    const json = name.endsWith(jsonSuffix);
    const bare = json ? name.slice(0, -jsonSuffix.length) : name;
    const option = written.startsWith("--") ? this.#find(bare) : undefined;
    if (option !== undefined && (json || !option.flag)) {
      const text = attached ?? this.#valueOf(written, next);
      this.pairs.push([json ? option.key + jsonSuffix : option.key, text]);
      return attached === undefined;
    }
    if (option !== undefined) {
      this.pairs.push([option.key, attached ?? "true"]);
      return false;
    }
    return this.#noOption(written, bare, attached) ? false : this.#callOption(written, name, attached, next);
  }

  #noOption(written: string, name: string, attached: string | undefined): boolean {
    if (!written.startsWith("--no-")) return false;
    const option = this.#find(name.slice(3));
    if (option === undefined || (!option.flag && option.clears === undefined)) return false;
    if (attached !== undefined)
      throw this.#refuse(`${written} takes no value, and was given ${JSON.stringify(attached)}`);
    if (option.flag) this.pairs.push([option.key, "false"]);
    else this.pairs.push([option.key + jsonSuffix, option.clears === "list" ? "[]" : "null"]);
    return true;
  }

  #callOption(
    written: string,
    name: string,
    attached: string | undefined,
    next: string | undefined,
  ): boolean {
    const option = this.#callOptions.get(name);
    if (option === undefined || !(written.startsWith("--") || written === "-h"))
      throw this.#unknown(written, name);
    const key = name as CallOptionName;
    if (option.value === undefined) {
      if (attached !== undefined)
        throw this.#refuse(`${written} takes no value, and was given ${JSON.stringify(attached)}`);
      this.given.set(key, "");
      return false;
    }
    if (this.given.has(key)) throw this.#refuse(`${written} was given more than once`);
    this.given.set(key, attached ?? this.#valueOf(written, next));
    return attached === undefined;
  }

  #valueOf(written: string, next: string | undefined): string {
    const nextName = next?.startsWith("--") ? next.slice(2).split("=", 1)[0] : undefined;
    const slip =
      nextName !== undefined && (this.#find(nextName) !== undefined || this.#callOptions.has(nextName));
    if (next !== undefined && !slip && next !== "--") return next;
    throw this.#refuse(
      `${written} needs a value; write ${written}=${next === undefined || slip ? "VALUE" : next}`,
    );
  }

  #find(name: string): Option | undefined {
    return this.#options.find((option) => option.name === name || option.key === name);
  }

  #unknown(written: string, name: string): OperoneError {
    const names = [...this.#options.map((option) => option.name), ...this.#callOptions.keys()];
    const near = nearest(name, names);
    const words = this.#positionals.at(-1)?.repeated === true;
    const next =
      near !== undefined ? `did you mean --${near}?` : words ? `words for it go after "--"` : this.#see;
    return this.#refuse(`${written} is no option of it; ${next}`);
  }

  get #see(): string {
    return `"${this.#command} --help" lists them`;
  }

  #refuse(why: string): OperoneError {
    return new OperoneError("invalid_input", `"${this.#command}": ${why}`, { operation: this.#operation.id });
  }
}

/** The typed input of parsed words on top of the object that `--input` gave. */
export function inputOf(operation: Operation, { pairs }: ParsedCall, base: unknown): unknown {
  const typed = inputFromStrings(operation, pairs);
  if (base === undefined) return typed;
  if (pairs.length === 0) return base;
  if (typeof base !== "object" || base === null || Array.isArray(base)) {
    throw new OperoneError(
      "invalid_input",
      `--input must be a JSON object when options go on top, and is ${JSON.stringify(base)}`,
    );
  }
  return { ...base, ...typed };
}

/**
 * Words after the operation's name that give exactly this input: `parseArguments` reads it back. Keys that the
 * operation does not know go into `--input`.
 */
export function argumentsFromInput(operation: Operation, input: Readonly<Record<string, unknown>>): string[] {
  const options = new Map(optionsOf(operation).map((option) => [option.key, option]));
  const named = Object.entries(input).filter(([key]) => options.has(key));
  const unknown = Object.entries(input).filter(([key]) => !options.has(key));
  const positionals = positionalsOf(operation);
  let pairs = stringsFromInput(operation, Object.fromEntries(named));
  const words: string[] = [];
  let open = true;
  for (const [at, option] of positionals.entries()) {
    const own = pairs.filter(([name]) => name === option.key);
    const several = option.repeated && at === positionals.length - 1;
    open &&= own.length === 1 || (own.length > 1 && several);
    if (!open) break;
    words.push(...own.map(([, text]) => text));
    pairs = pairs.filter(([name]) => name !== option.key);
  }
  const spelled = pairs.map(([name, text]) => spell(options.get(name), options, name, text));
  const whole = unknown.length === 0 ? [] : [`--input=${JSON.stringify(Object.fromEntries(unknown))}`];
  const guarded = words.some(isOption) || words.includes("--") || positionals.at(-1)?.repeated === true;
  return [...whole, ...spelled, ...(guarded && words.length > 0 ? ["--", ...words] : words)];
}

function spell(
  option: Option | undefined,
  options: ReadonlyMap<string, Option>,
  name: string,
  text: string,
): string {
  if (option === undefined) {
    const known = options.get(name.slice(0, -jsonSuffix.length));
    return `--${known?.name ?? name}${jsonSuffix}=${text}`;
  }
  if (option.flag && text === "true") return `--${option.name}`;
  if (option.flag && text === "false") return `--no-${option.name}`;
  return `--${option.name}=${text}`;
}
