/** Argument vectors that hand a text to a shell, and those that only start another program. */
import type { CommandWord } from "./command-pattern.ts";

export const shells = ["sh", "bash"] as const;
export type Shell = (typeof shells)[number];

/** A script as a vector gives it to a shell. */
export interface ScriptVector {
  readonly shell: Shell;
  readonly script: string;
}

export interface Started {
  readonly argv: readonly CommandWord[];
  /** Names of the variables that it gets. */
  readonly names: readonly string[];
  /** Whether it does nothing else, so that it may be looked through. Otherwise it is judged for itself too. */
  readonly plain: boolean;
}

/** By their name, or in the system's own folders: nobody knows what another file of this name is. */
function programOf(word: CommandWord | undefined): string {
  if (typeof word !== "string") return "";
  return /^(?:(?:\/usr)?\/bin\/)?([^/]+)$/.exec(word)?.[1] ?? "";
}

/** What reads as sh does. dash and busybox know less than bash, and take nothing as a command that it does not. */
const readers: Readonly<Record<string, Shell>> = { sh: "sh", dash: "sh", ash: "sh", bash: "bash" };
const others = /^(?:zsh|[a-z]*ksh[0-9]*|t?csh|fish|yash|elvish|nu|pwsh|rc)$/;

/**
 * The script of `sh -c TEXT`; why there is none to read, where a shell is started in another way; undefined for what
 * is no shell.
 */
export function scriptVector(argv: readonly CommandWord[]): ScriptVector | string | undefined {
  const [first, second] = argv;
  const applet = programOf(first) === "busybox" && /^(sh|ash)$/.test(programOf(second));
  const words = applet ? argv.slice(1) : argv;
  const program = programOf(words[0]);
  if (others.test(program)) return `${program} reads scripts in its own way`;
  const shell = readers[program];
  return shell === undefined ? undefined : commandOf(shell, words);
}

/** Options that change neither how a script is read nor what else is. */
const plainOptions = /^-[eufvxCl]+$/;
const plainLongOptions = /^(?:errexit|nounset|pipefail|noglob|noclobber)$/;

function commandOf(shell: Shell, words: readonly CommandWord[]): ScriptVector | string {
  for (let at = 1; at < words.length; at += 1) {
    const word = words[at];
    if (word === "-o" && plainLongOptions.test(String(words[at + 1]))) at += 1;
    else if (typeof word === "string" && /^-[eufvxCl]*c$/.test(word)) {
      const script = words[at + 1];
      // Options go on behind it.
      if (typeof script === "string" && /^[-+]/.test(script)) break;
      if (typeof script === "string") return { shell, script };
      return `the script of ${shell} is known only when it runs`;
    } else if (typeof word !== "string" || !plainOptions.test(word)) break;
  }
  return `${shell} is started without "-c SCRIPT", or with options that change how it reads`;
}

type Opener = (words: readonly CommandWord[]) => Started | string | undefined;

/**
 * What a program starts that is only there to start another; why nobody can say; undefined where it is none of these.
 * Each form that is not known word by word is a refusal or no starter at all, never looked through.
 */
export function startedBy(argv: readonly CommandWord[]): Started | string | undefined {
  const open = openers.get(programOf(argv[0]));
  return open?.(argv.slice(1));
}

/** The rest behind options that match, each with as many words of its own as said. */
function behind(
  words: readonly CommandWord[],
  options: readonly (readonly [RegExp, number])[],
): readonly CommandWord[] | undefined {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (typeof word !== "string") return words.slice(at);
    if (word === "--") return words.slice(at + 1);
    if (!word.startsWith("-")) return words.slice(at);
    const option = options.find(([form]) => form.test(word));
    if (option === undefined) return undefined;
    at += option[1];
    if (words.slice(at - option[1] + 1, at + 1).some((value) => typeof value !== "string")) return undefined;
  }
  return [];
}

function opener(options: readonly (readonly [RegExp, number])[], skip: number, plain: boolean): Opener {
  return (words) => {
    const rest = behind(words, options);
    if (rest === undefined) return "it has options that nobody here knows, so what it starts is not certain";
    if (rest.slice(0, skip).some((word) => typeof word !== "string")) return "what it starts is not certain";
    const argv = rest.slice(skip);
    return argv.length === 0 ? undefined : { argv, names: [], plain };
  };
}

const seconds = /^[0-9.]+[smhd]?$/;

const timeout: Opener = (words) => {
  const options = [
    [/^(?:--foreground|--preserve-status|-v|--verbose)$/, 0],
    [/^(?:-[sk]|--signal|--kill-after)$/, 1],
    [/^(?:-[sk]|--signal=|--kill-after=).+$/, 0],
  ] as const;
  const rest = behind(words, options);
  const [duration, ...argv] = rest ?? [];
  if (typeof duration !== "string" || !seconds.test(duration))
    return "how long timeout lets it run is not certain";
  return argv.length === 0 ? undefined : { argv, names: [], plain: true };
};

const env: Opener = (words) => {
  let rest = behind(words, [[/^(?:-i|-|--ignore-environment)$/, 0]]);
  const names: string[] = [];
  while (rest !== undefined) {
    const [word] = rest;
    const name = /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(textOf(word))?.[1];
    if (name === undefined) break;
    if (typeof word === "object" && word.open === "many") return "what env starts is not certain";
    names.push(name);
    rest = rest.slice(1);
  }
  if (rest === undefined || (typeof rest[0] === "string" && rest[0].includes("=")))
    return "env has options or variables that nobody here knows, so what it starts is not certain";
  return rest.length === 0 ? undefined : { argv: rest, names, plain: true };
};

function textOf(word: CommandWord | undefined): string {
  return typeof word === "object" ? word.text : (word ?? "");
}

/** What it reads comes behind the words that are written. */
const xargs: Opener = (words) => {
  const rest = behind(words, [
    [/^(?:-[0rtxo]+|--null|--no-run-if-empty|--verbose)$/, 0],
    [/^-[nLPsdaE]$/, 1],
    [/^-[nLPsdE].+$/, 0],
  ]);
  if (rest === undefined) return "xargs has options that change what it starts";
  const argv = rest.length === 0 ? ["echo"] : rest;
  return { argv: [...argv, { open: "many", text: "(what xargs reads)" }], names: [], plain: false };
};

const find: Opener = (words) => {
  if (words.some((word) => typeof word === "object" && word.open === "many"))
    return "an unquoted expansion may be an -exec of find";
  const at = words.findIndex((word) => typeof word === "string" && /^-(?:exec|ok)(?:dir)?$/.test(word));
  if (at === -1) return undefined;
  const rest = words.slice(at + 1);
  const end = rest.findIndex((word) => word === ";" || word === "+");
  if (end < 1) return "an -exec of find has no end";
  if (rest.slice(end).some((word) => typeof word === "string" && /^-(?:exec|ok)(?:dir)?$/.test(word)))
    return "find has more than one -exec; write them as finds of their own";
  const argv = rest
    .slice(0, end)
    .map(
      (word): CommandWord =>
        textOf(word).includes("{}")
          ? { open: end === rest.indexOf("+") ? "many" : "one", text: textOf(word) }
          : word,
    );
  return { argv, names: [], plain: false };
};

const openers: ReadonlyMap<string, Opener> = new Map([
  ["env", env],
  ["timeout", timeout],
  ["xargs", xargs],
  ["find", find],
  ["nohup", opener([], 0, true)],
  [
    "nice",
    opener(
      [
        [/^(?:-n|--adjustment)$/, 1],
        [/^(?:-n-?|-|--adjustment=)[0-9]+$/, 0],
      ],
      0,
      true,
    ),
  ],
  ["time", opener([[/^-p$/, 0]], 0, true)],
  ["setsid", opener([[/^(?:-[cfw]+|--wait|--fork|--ctty)$/, 0]], 0, false)],
  [
    "stdbuf",
    opener(
      [
        [/^-[ioe]$/, 1],
        [/^-[ioe].+$/, 0],
      ],
      0,
      false,
    ),
  ],
  [
    "ionice",
    opener(
      [
        [/^-[cnt]$/, 1],
        [/^-[cn][0-9]+$/, 0],
      ],
      0,
      false,
    ),
  ],
  [
    "sudo",
    opener(
      [
        [/^-[nEH]+$/, 0],
        [/^-[ug]$/, 1],
      ],
      0,
      false,
    ),
  ],
  [
    "doas",
    opener(
      [
        [/^-n$/, 0],
        [/^-u$/, 1],
      ],
      0,
      false,
    ),
  ],
]);
