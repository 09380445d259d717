/**
 * Completion scripts for bash, zsh and fish, made from the table. They are static: pressing Tab starts no process,
 * and a new version brings a new script.
 */
import { OperoneError } from "../kernel/error.ts";
import { nearest } from "../kernel/nearest.ts";
import type { Operation } from "../kernel/operation.ts";
import { callOptions, callOptionsFor } from "./arguments.ts";
import { type CommandLine, cliOperations, spellingsOf } from "./commands.ts";
import { optionsOf, positionalsOf } from "./options.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

interface Choice {
  readonly word: string;
  readonly text: string;
}

interface OptionChoice extends Choice {
  /** It needs a value after it. */
  readonly value: boolean;
  /** The values there are; empty when any will do. */
  readonly choices: readonly string[];
}

/** What may follow the words `at`, which are written with single spaces: `` or `config` or `shell run`. */
interface Place {
  readonly at: string;
  readonly words: readonly Choice[];
  readonly options: readonly OptionChoice[];
}

/** @throws OperoneError `invalid_input` for another shell */
export function completionScript(shell: string, line: CommandLine): string {
  const places = placesOf(line);
  if (shell === "bash") return bashScript(places);
  if (shell === "zsh") return zshScript(places);
  if (shell === "fish") return fishScript(places);
  const near = nearest(shell, shells);
  throw new OperoneError(
    "invalid_input",
    `There is no completion for ${JSON.stringify(shell)}; ${near === undefined ? `write ${shells.join(", ")}` : `did you mean ${near}?`}`,
  );
}

function placesOf(line: CommandLine): readonly Place[] {
  const places = new Map<string, { words: Map<string, string>; options: readonly OptionChoice[] }>();
  const place = (at: string) => {
    const made = places.get(at) ?? { words: new Map(), options: [] };
    places.set(at, made);
    return made;
  };
  const add = (
    spelling: string,
    text: string,
    options: readonly OptionChoice[],
    choices: readonly string[],
  ) => {
    const words = spelling.split(" ");
    for (const [index, word] of words.entries()) {
      const parent = place(words.slice(0, index).join(" "));
      if (index === words.length - 1) parent.words.set(word, text);
      else if (!parent.words.has(word)) parent.words.set(word, moduleSummary(line, word));
    }
    const own = place(spelling);
    own.options = options;
    for (const choice of choices) own.words.set(choice, "");
  };
  place("").options = Object.keys(callOptions).map((name) => callOption(name));
  for (const { words, summary, options = [] } of line.commands)
    add(words, summary, options.map(plainOption), []);
  for (const operation of cliOperations(line.table)) {
    const choices = positionalsOf(operation)[0]?.choices ?? [];
    for (const spelling of spellingsOf(operation))
      add(spelling, operation.summary, optionChoices(operation), choices);
  }
  return [...places].map(([at, { words, options }]) => ({
    at,
    words: [...words].map(([word, text]) => ({ word, text })),
    options,
  }));
}

function moduleSummary({ modules }: CommandLine, word: string): string {
  return modules.find(({ id }) => id === word)?.summary ?? "";
}

function optionChoices(operation: Operation): readonly OptionChoice[] {
  const own = optionsOf(operation).flatMap((option): OptionChoice[] => {
    const { name, flag, clears, choices, description: text = "" } = option;
    const turnedOff =
      flag || clears !== undefined ? [{ word: `--no-${name}`, text, value: false, choices: [] }] : [];
    return [{ word: `--${name}`, text, value: !flag, choices: flag ? [] : choices }, ...turnedOff];
  });
  return [...own, ...callOptionsFor(operation).map(([name]) => callOption(name))];
}

function callOption(name: string): OptionChoice {
  const option = Object.entries(callOptions).find(([known]) => known === name)?.[1];
  return {
    word: `--${name}`,
    text: option?.summary ?? "",
    value: option !== undefined && "value" in option,
    choices: [],
  };
}

function plainOption(name: string): OptionChoice {
  return { word: `--${name}`, text: "", value: false, choices: [] };
}

/** In single quotes, as all three shells read them; fish alone also reads a backslash in them. */
function quoted(text: string, shell: Shell): string {
  if (shell === "fish") return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The options after which a word is a value and not the next command. */
function valueOptions(places: readonly Place[]): readonly string[] {
  return [
    ...new Set(places.flatMap(({ options }) => options.filter(({ value }) => value).map(({ word }) => word))),
  ];
}

/** Shell patterns for a `case`. */
function patterns(words: readonly string[], shell: Shell): string {
  return words.map((word) => quoted(word, shell)).join("|");
}

function optionCases(
  { options }: Place,
  shell: Shell,
  line: (choices: readonly string[]) => string,
): string[] {
  return options
    .filter(({ choices }) => choices.length > 0)
    .map(({ word, choices }) => `        ${quoted(word, shell)}) ${line(choices)} ;;`);
}

/** Walks over the words before the cursor to the longest known command; `count` counts the words after it. */
function walk(places: readonly Place[], shell: "bash" | "zsh", words: string): string {
  const known = places.map(({ at }) => at).filter((at) => at !== "");
  return `  for word in ${words}; do
    if [[ $word == "=" ]]; then skip=1; continue; fi
    if [[ -n $skip ]]; then skip=; continue; fi
    case "$word" in
      ${patterns(valueOptions(places), shell)}) skip=1 ;;
      -*) ;;
      *)
        next="$at \${word}"
        case "\${next# }" in
          ${patterns(known, shell)}) at="\${next# }" ;;
          *) count=$((count + 1)) ;;
        esac ;;
    esac
  done`;
}

function bashScript(places: readonly Place[]): string {
  const reply = (words: readonly string[]) => `words=${quoted(words.join("\n"), "bash")}`;
  const cases = places.map((place) => {
    const values = optionCases(place, "bash", (choices) => `${reply(choices)}; options=`);
    return [
      `    ${quoted(place.at, "bash")})`,
      `      ((count == 0)) && ${reply(place.words.map(({ word }) => word))}`,
      `      options=${quoted(place.options.map(({ word }) => word).join("\n"), "bash")}`,
      ...(values.length === 0 ? [] : [`      case "$before" in`, ...values, "      esac"]),
      "      ;;",
    ].join("\n");
  });
  return `# bash completion for operone: source <(operone completion bash)
_operone() {
  local IFS=$'\\n' current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  local at= next= word= skip= words= options= count=0
  # Readline takes "--level=in" apart at the equals sign.
  if [[ $current == "=" ]]; then current=
  elif [[ $before == "=" ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
${walk(places, "bash", `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`)}
  case "$at" in
${cases.join("\n")}
  esac
  [[ -n $skip && -n $options ]] && words= options=
  [[ $current == -* ]] && words=$options
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _operone operone
`;
}

function zshScript(places: readonly Place[]): string {
  const described = (choices: readonly Choice[]) =>
    choices.map(({ word, text }) => quoted(`${word.replaceAll(":", "\\:")}:${text}`, "zsh")).join(" ");
  const cases = places.map((place) => {
    const values = optionCases(
      place,
      "zsh",
      (choices) => `found=(${described(choices.map((word) => ({ word, text: "" })))}); chosen=1`,
    );
    return [
      `    ${quoted(place.at, "zsh")})`,
      `      ((count == 0)) && found=(${described(place.words)})`,
      `      flags=(${described(place.options)})`,
      ...(values.length === 0 ? [] : [`      case "$before" in`, ...values, "      esac"]),
      "      ;;",
    ].join("\n");
  });
  return `#compdef operone
# zsh completion for operone: source <(operone completion zsh), or a file _operone in $fpath
_operone() {
  local -a given found flags
  given=("\${(@)words[2,CURRENT-1]}")
  local at= next= word= skip= chosen= before="\${words[CURRENT-1]}" count=0
  if [[ $PREFIX == --*=* ]]; then
    before="\${PREFIX%%=*}"
    compset -P '*='
  fi
${walk(places, "zsh", `"\${given[@]}"`)}
  case "$at" in
${cases.join("\n")}
  esac
  if [[ -n $chosen ]]; then _describe value found
  elif [[ -n $skip ]]; then _files
  elif [[ $PREFIX == -* ]]; then _describe -o option flags
  elif ((\${#found})); then _describe command found
  else _files
  fi
}
if [[ $funcstack[1] == _operone ]]; then _operone "$@"; else compdef _operone operone; fi
`;
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap(({ at, words, options }) => {
    const here = (test: string) => `-n ${quoted(`${test} ${quoted(at, "fish")}`, "fish")}`;
    const text = (choice: Choice) => (choice.text === "" ? "" : ` -d ${quoted(choice.text, "fish")}`);
    return [
      ...words.map(
        (word) =>
          `complete -c operone ${here("__operone_first")} -f -a ${quoted(word.word, "fish")}${text(word)}`,
      ),
      ...options.map((option) => {
        const takes = option.value ? (option.choices.length > 0 ? " -x" : " -r") : "";
        const choices = option.choices.length > 0 ? ` -a ${quoted(option.choices.join(" "), "fish")}` : "";
        return `complete -c operone ${here("__operone_at")} -l ${option.word.slice(2)}${takes}${choices}${text(option)}`;
      }),
    ];
  });
  const list = (words: readonly string[]) => words.map((word) => quoted(word, "fish")).join(" ");
  return `# fish completion for operone: operone completion fish | source
set -g __operone_known ${list(places.map(({ at }) => at).filter((at) => at !== ""))}
set -g __operone_values ${list(valueOptions(places))}
function __operone_place
    set -l at ""
    set -l count 0
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word $__operone_values
            set skip 1
        else if not string match -q -- "-*" $word
            set -l next (string trim -- "$at $word")
            if contains -- $next $__operone_known
                set at $next
            else
                set count (math $count + 1)
            end
        end
    end
    echo $at
    echo $count
end
function __operone_at
    set -l place (__operone_place)
    test "$place[1]" = "$argv[1]"
end
function __operone_first
    set -l place (__operone_place)
    test "$place[1]" = "$argv[1]" -a "$place[2]" = 0
end
${lines.join("\n")}
`;
}
