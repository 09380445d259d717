/** Commands that are parts of the shell itself. */
import type { CommandWord } from "./command-pattern.ts";

export interface BuiltinFinds {
  refuse(why: string): void;
  /** A variable that gets a value which is known, or any. */
  sets(name: string, value?: CommandWord): void;
  /** A variable is no more, or the function of that name. */
  unsets(name: string): void;
  /** A variable that the programs get from now on. */
  exports(name: string): void;
  /** The folder is another from now on. */
  moves(): void;
  /** A text that runs later. */
  later(script: string): void;
  /** The program or the builtin that it runs. */
  runs(argv: readonly CommandWord[]): void;
}

/** They read words as code, change how words are read, or run what nobody sees here. */
const opaque =
  /^(?:eval|\.|source|alias|unalias|enable|builtin|bind|complete|compgen|compopt|mapfile|readarray|fc|history|hash|let|shopt|caller|declare|typeset|coproc|getopts|suspend|function|select|newgrp|\[\[)$/;

/** Where the parser takes one of these for a command, it reads the script otherwise than a shell does. */
const reserved = /^(?:if|then|elif|else|fi|for|in|do|done|while|until|case|esac|[{}!]|\]\])$/;

type Builtin = (words: readonly CommandWord[], finds: BuiltinFinds) => void;

/** True for what is a part of the shell, and has no effect beyond the script. */
export function readBuiltin(argv: readonly CommandWord[], finds: BuiltinFinds): boolean {
  const [name, ...words] = argv;
  if (typeof name !== "string") return false;
  if (opaque.test(name)) {
    finds.refuse(`"${name}" runs or changes what cannot be read here`);
    return true;
  }
  if (reserved.test(name)) {
    finds.refuse(`"${name}" stands where no command can be`);
    return true;
  }
  const builtin = builtins.get(name);
  builtin?.(words, finds);
  return builtin !== undefined;
}

export function isShellWord(name: string): boolean {
  return opaque.test(name) || reserved.test(name) || builtins.has(name);
}

const nothing: Builtin = () => {};
const moving: Builtin = (_, finds) => finds.moves();

const name = /^[A-Za-z_][A-Za-z0-9_]*$/;
const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=/;

/** `export A B=$x`: a name is written, its value may be anything. */
function declaring(options: RegExp, exports: boolean): Builtin {
  return (words, finds) => {
    for (const word of words) {
      const text = typeof word === "object" ? word.text : word;
      const set = assignment.exec(text)?.[1];
      const whole = typeof word === "string" || (word.open === "one" && set !== undefined);
      if (!whole || !(set !== undefined || name.test(text) || options.test(text))) {
        finds.refuse(`${JSON.stringify(text)} may set any variable; write NAME="$value" in quotes`);
        continue;
      }
      const variable = set ?? (name.test(text) ? text : undefined);
      if (variable === undefined) continue;
      if (set !== undefined)
        finds.sets(set, typeof word === "string" ? word.slice(set.length + 1) : undefined);
      if (exports) finds.exports(variable);
    }
  };
}

/** The options that say how it reads; then the variables. */
const reading: Builtin = (words, finds) => {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (typeof word === "string" && /^-[rs]+$/.test(word)) continue;
    if (typeof word === "string" && /^-[rs]*[pntdN]$/.test(word) && typeof words[at + 1] === "string")
      at += 1;
    else if (typeof word === "string" && name.test(word)) finds.sets(word);
    else finds.refuse("read is given a variable or an option that is not certain");
  }
};

/** `set -o allexport` and its like change what variables and words are. */
const setting: Builtin = (words, finds) => {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (word === "--") return;
    if (typeof word !== "string" || !/^[-+]/.test(word)) {
      if (typeof word !== "string")
        finds.refuse("set is given words that may be options; write set -- first");
      return;
    }
    const long = /^[-+][euxfCv]*o$/.test(word);
    const plain = /^[-+][euxfCv]+$/.test(word);
    const known =
      long && /^(?:errexit|nounset|pipefail|noglob|noclobber|xtrace|verbose)$/.test(String(words[at + 1]));
    if (!known && !plain) finds.refuse(`"set ${word}" may change how the script is read`);
    if (long) at += 1;
  }
};

/** A text that runs when a signal comes. */
const trapping: Builtin = ([action, ...signals], finds) => {
  if (action === undefined || action === "-" || action === "-p" || action === "-l") return;
  if (
    typeof action !== "string" ||
    /^-./.test(action) ||
    signals.some((signal) => typeof signal !== "string")
  ) {
    finds.refuse("what trap runs is known only when it runs");
  } else finds.later(action);
};

const unsetting: Builtin = (words, finds) => {
  for (const word of words) {
    if (typeof word === "string" && name.test(word)) {
      finds.sets(word);
      finds.unsets(word);
    } else if (word !== "-v") finds.refuse("what unset removes is not certain");
  }
};

/** `-v NAME` of test and printf evaluates what stands in the name's brackets. */
const testing: Builtin = (words, finds) => {
  const inner = words.at(-1) === "]" ? words.slice(0, -1) : words;
  const [first, ...rest] = inner;
  if (first === "!") return testing(rest, finds);
  const [second, third] = rest;
  const loose = inner.some((word) => typeof word === "object" && word.open === "many");
  const unary = inner.length === 2 && typeof first === "string" && /^-[a-uw-zA-QS-Z]$/.test(first);
  const binary =
    inner.length === 3 &&
    third !== undefined &&
    typeof second === "string" &&
    /^(?:==?|!=|-(?:eq|ne|lt|le|gt|ge|nt|ot|ef))$/.test(second);
  if (!loose && (inner.length < 2 || unary || binary)) return;
  finds.refuse("what test evaluates is not certain; put expansions in quotes, and join tests by && or ||");
};

const printing: Builtin = ([format], finds) => {
  if (typeof format === "object" || /^-|%n/.test(format ?? ""))
    finds.refuse("the format of printf is not certain; write printf '%s' first");
};

/** `command -v ls` says what a name means; otherwise it runs it. */
const commanding: Builtin = (words, finds) => {
  const [first, ...rest] = words;
  if (first === "-v" || first === "-V") return;
  if (first === "-p" || first === "--") finds.runs(rest);
  else finds.runs(words);
};

const executing: Builtin = (words, finds) => {
  if (words.length === 0 || (typeof words[0] === "string" && words[0].startsWith("-")))
    finds.refuse('"exec" without a program changes where all that follows reads and writes');
  else finds.runs(words);
};

const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ...[
    ":",
    "true",
    "false",
    "echo",
    "pwd",
    "shift",
    "return",
    "exit",
    "break",
    "continue",
    "wait",
    "times",
  ].map((free): [string, Builtin] => [free, free === "wait" ? waiting : nothing]),
  ["umask", nothing],
  ["cd", moving],
  ["pushd", moving],
  ["popd", moving],
  ["export", declaring(/^--$/, true)],
  ["readonly", declaring(/^--$/, false)],
  ["local", declaring(/^(?:--|-r)$/, false)],
  ["read", reading],
  ["set", setting],
  ["trap", trapping],
  ["unset", unsetting],
  ["test", testing],
  ["[", testing],
  ["printf", printing],
  ["command", commanding],
  ["exec", executing],
]);

/** `wait -p NAME` sets a variable, by a name that is evaluated. */
function waiting(words: readonly CommandWord[], finds: BuiltinFinds): void {
  const plain = (word: CommandWord) =>
    typeof word === "string" ? /^%?\w+$/.test(word) : /^"?\$!"?$/.test(word.text);
  if (!words.every(plain)) finds.refuse("what wait waits for is not certain");
}
