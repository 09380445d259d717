/**
 * Patterns over argument vectors, compared word by word and never as text, so `git` covers neither `git-evil` nor
 * `/tmp/git`.
 *
 *     git status        exactly these two words
 *     git show *        `*` is any one word
 *     git log **        `**`, at the end, is any further words, or none
 *     cp 'my file' '*'  quotes and backslashes as in a shell; a quoted star is itself
 *
 * There is no other syntax: a star within a word is refused, because it would mean something else everywhere else.
 */

/** Any one word, any further words, or exactly this one. */
type Part = typeof anyWord | typeof anyWords | string;
const anyWord = Symbol("*");
const anyWords = Symbol("**");

export type CommandPattern = readonly Part[];

/**
 * A word that a script only makes while it runs: `one` is a single word whatever happens ("$file"), `many` any number
 * of them, none too ($files, *.c). The text is as it is written, for people.
 */
export interface OpenWord {
  readonly open: "one" | "many";
  readonly text: string;
}
export type CommandWord = string | OpenWord;

/** Whether the pattern covers these words whatever the open ones turn out to be. */
export function covers(pattern: CommandPattern, argv: readonly CommandWord[]): boolean {
  const { parts, more } = split(pattern);
  if (more ? argv.length < parts.length : argv.length !== parts.length) return false;
  return parts.every((part, at) => {
    const word = argv[at];
    if (typeof word === "object") return word.open === "one" && part === anyWord;
    return part === anyWord || part === word;
  });
}

/** Whether the open words may turn out so that the pattern covers the vector: what a deny must look at. */
export function mayCover(pattern: CommandPattern, argv: readonly CommandWord[]): boolean {
  const { parts, more } = split(pattern);
  const fits = (part: Part, at: number) =>
    part === anyWord || typeof argv[at] === "object" || part === argv[at];
  const from = argv.findIndex((word) => typeof word === "object" && word.open === "many");
  if (from !== -1) return parts.slice(0, from).every(fits);
  return (more ? argv.length >= parts.length : argv.length === parts.length) && parts.every(fits);
}

function split(pattern: CommandPattern): { readonly parts: readonly Part[]; readonly more: boolean } {
  const more = pattern.at(-1) === anyWords;
  return { parts: more ? pattern.slice(0, -1) : pattern, more };
}

/** @returns the pattern, or why the text is none */
export function parsePattern(text: string): CommandPattern | string {
  const words = wordsOf(text);
  if (words === undefined) return "a quote or a backslash at its end is not finished";
  const pattern = words.map(partOf);
  if (pattern.length === 0) return "it has no words";
  if (pattern.includes(undefined)) {
    return "* stands for a whole word only; quote it ('a*') where it is meant as itself";
  }
  const parts = pattern.filter((part) => part !== undefined);
  if (parts.indexOf(anyWords) !== -1 && parts.indexOf(anyWords) !== parts.length - 1) {
    return "** stands for all further words, so it must be the last";
  }
  const [program] = parts;
  if (typeof program === "string" && isRelativePath(program) && !program.startsWith("~/")) {
    return `a program is judged by its whole path; write /.../${baseName(program)}`;
  }
  if (program === "") return "its first word, the program, is empty";
  return parts;
}

/**
 * A path that means another file in every folder; "~/x" too, for nobody expands it in a program's name. A bare name is
 * none: it is looked up in PATH.
 */
export function isRelativePath(program: string, windows = process.platform === "win32"): boolean {
  if (!windows) return program.includes("/") && !program.startsWith("/");
  return /[\\/]|^[A-Za-z]:/.test(program) && !/^([A-Za-z]:[\\/]|[\\/]{2})/.test(program);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A word as it was written: what was quoted is only text. */
interface Word {
  readonly text: string;
  /** It has a star outside quotes. */
  readonly stars: boolean;
  readonly quoted: boolean;
}

/** Undefined for a star within a word. */
function partOf({ text, stars, quoted }: Word): Part | undefined {
  if (!stars) return text;
  if (quoted) return undefined;
  if (text === "*") return anyWord;
  return text === "**" ? anyWords : undefined;
}

/** One of: space; '...'; "..." with \" and \\; \ and a character; a run of anything else. */
const token =
  /(?<space>[ \t\r\n]+)|'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\.)*)"|\\(?<escaped>.)|(?<plain>[^ \t\r\n'"\\]+)/sy;

function wordsOf(pattern: string): readonly Word[] | undefined {
  const words: Word[] = [];
  let word: Word | undefined;
  token.lastIndex = 0;
  while (token.lastIndex < pattern.length) {
    const groups = token.exec(pattern)?.groups;
    if (groups === undefined) return undefined;
    if (groups.space !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    const double = groups.double?.replaceAll(/\\(["\\])/g, "$1");
    const text = groups.single ?? double ?? groups.escaped ?? groups.plain ?? "";
    word = {
      text: (word?.text ?? "") + text,
      stars: word?.stars === true || groups.plain?.includes("*") === true,
      quoted: word?.quoted === true || groups.plain === undefined,
    };
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** The pattern that covers exactly this argument vector. */
export function patternOf(argv: readonly string[]): string {
  return argv.map(quoted).join(" ");
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
