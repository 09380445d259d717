/** The parts of one script, down to its commands. Each form that is not known here is a refusal. */
import {
  type Assignment,
  type CaseItem,
  type Command,
  type CommandExpansionPart,
  type CommandNode,
  type CompoundList,
  type PipelineNode,
  parse,
  type Redirection,
  type Statement,
  type TestExpression,
  type Word,
} from "unbash";
import type { CommandWord } from "./command-pattern.ts";
import { isShellWord } from "./script-builtins.ts";
import { type Span, strayText } from "./script-gaps.ts";
import { readRedirection } from "./script-redirection.ts";
import type { Shell } from "./script-vector.ts";
import { shown, type WordFinds, wordOf } from "./script-words.ts";

export interface PartFinds {
  refuse(why: string): void;
  /** A variable gets this value, or any. */
  sets(name: string, value?: CommandWord): void;
  /** A variable that programs get. */
  exports(name: string): void;
  /** Names in an arithmetic expression. */
  counts(names: readonly string[]): void;
  /** A redirection that opens a file. */
  file(text: string): void;
  /** @param functions names that are functions of the script at this place */
  vector(argv: readonly CommandWord[], functions: readonly string[], shell: Shell): void;
}

export function readText(reader: PartFinds, source: string, shell: Shell): void {
  const script = parse(source);
  const [error] = script.errors ?? [];
  if (error !== undefined) {
    reader.refuse(`it cannot be parsed: ${error.message}`);
    return;
  }
  const functions = script.commands.flatMap(functionsOf);
  const part = new PartReader(reader, source, shell, functions);
  part.read(script.commands, { pos: 0, end: source.length }, "script");
}

/** A list of commands within one text: the whole script, or a `$( )`. */
class PartReader {
  readonly #reader: PartFinds;
  readonly #source: string;
  readonly #shell: Shell;
  readonly #functions: readonly { readonly name: string; readonly from: number }[];
  #leaves: Span[] = [];

  constructor(
    reader: PartFinds,
    source: string,
    shell: Shell,
    functions: readonly { readonly name: string; readonly from: number }[],
  ) {
    this.#reader = reader;
    this.#source = source;
    this.#shell = shell;
    this.#functions = functions;
  }

  read(commands: readonly Statement[], span: Span, kind: "script" | "substitution"): void {
    this.#list(commands);
    const stray = strayText(this.#source, span, this.#leaves, kind);
    if (stray !== undefined) this.#reader.refuse(`${shown(stray.trim())} is not analysed`);
  }

  #list(commands: readonly Statement[]): void {
    for (const { command } of commands) this.#chain(command);
  }

  #chain(node: Statement["command"]): void {
    if (node.type === "AndOr") for (const part of node.commands) this.#pipeline(part);
    else this.#pipeline(node);
  }

  #pipeline(node: PipelineNode): void {
    if (node.type !== "Pipeline") {
      this.#node(node);
      return;
    }
    if (node.operators.includes("|&")) this.#onlyBash('"|&"');
    for (const command of node.commands) this.#node(command);
  }

  #node(node: CommandNode | CompoundList): void {
    for (const part of this.#partsOf(node)) this.#node(part);
  }

  /** Reads what is of this node alone. @returns the commands in it */
  #partsOf(node: CommandNode | CompoundList): readonly (CommandNode | CompoundList)[] {
    switch (node.type) {
      case "Command":
        this.#command(node);
        return [];
      case "CompoundList":
        this.#list(node.commands);
        return [];
      case "Subshell":
      case "BraceGroup":
        return [node.body];
      case "Redirected":
        for (const redirect of node.redirects) this.#redirection(redirect);
        return [node.command];
      case "If": {
        const branches = [node, ...node.elif].flatMap(({ clause, then }) => [clause, then]);
        return node.else === undefined ? branches : [...branches, node.else];
      }
      case "While":
        return [node.clause, node.body];
      case "For":
        this.#loop(node.name, node.wordlist);
        return [node.body];
      case "Case":
        this.#word(node.word);
        return node.items.map((item) => this.#caseItem(item));
      case "Function":
        this.#functionName(node.name);
        return [node.body];
      case "TestCommand":
        this.#test(node);
        return [];
      default:
        this.#reader.refuse(`${shown(this.#source.slice(node.pos, node.end))}: this form is not analysed`);
        return [];
    }
  }

  #caseItem({ pattern, body, terminator }: CaseItem): CompoundList {
    if (terminator !== undefined && terminator !== ";;") this.#onlyBash(`"${terminator}"`);
    for (const word of pattern) this.#word(word);
    return body;
  }

  #onlyBash(what: string): void {
    if (this.#shell !== "bash") this.#reader.refuse(`${what} is read differently by other shells than bash`);
  }

  #loop(name: Word, wordlist: readonly Word[] | undefined): void {
    const variable = this.#word(name);
    const values = wordlist?.map((word) => this.#word(word)) ?? [undefined];
    if (typeof variable !== "string" || !/^[A-Za-z_]\w*$/.test(variable)) {
      this.#reader.refuse("the variable of a loop is not certain");
      return;
    }
    for (const value of values) this.#reader.sets(variable, value);
  }

  #functionName(name: Word): void {
    const text = this.#word(name);
    const known = typeof text === "string" && /^[A-Za-z_]\w*$/.test(text) && !isShellWord(text);
    if (!known) this.#reader.refuse(`a function must not be called ${shown(name.text)}`);
  }

  #test(node: { readonly expression: TestExpression } & Span): void {
    this.#onlyBash('"[["');
    const outer = this.#leaves;
    this.#leaves = [];
    this.#testPart(node.expression);
    const stray = strayText(this.#source, node, this.#leaves, "test");
    if (stray !== undefined) this.#reader.refuse(`${shown(stray.trim())} within [[ ]] is not analysed`);
    this.#leaves = [...outer, { pos: node.pos, end: node.end }];
  }

  #testPart(node: TestExpression): void {
    switch (node.type) {
      case "TestUnary":
        if (!/^-[a-uw-zA-QS-Z]$/.test(node.operator))
          this.#reader.refuse(`"${node.operator}" within [[ ]] is not analysed`);
        this.#word(node.operand);
        return;
      case "TestBinary":
        // -eq and its like evaluate words, and so run what is in them.
        if (!/^(?:==?|!=|<|>|-nt|-ot|-ef)$/.test(node.operator))
          this.#reader.refuse(`"${node.operator}" within [[ ]] is not analysed; use [ ] for numbers`);
        this.#word(node.left);
        this.#word(node.right);
        return;
      case "TestLogical":
        for (const operand of node.operands) this.#testPart(operand);
        return;
      case "TestNot":
        this.#testPart(node.operand);
        return;
      case "TestGroup":
        this.#testPart(node.expression);
        return;
    }
  }

  #command(node: Command): void {
    const assigned = node.prefix.filter((part) => part.type === "Assignment");
    for (const part of assigned) this.#assignment(part, node.name !== undefined);
    for (const redirect of node.redirects) this.#redirection(redirect);
    if (node.name === undefined) return;
    const words = [node.name, ...node.args].map((part) =>
      part.type === "Assignment" ? this.#assignedWord(part) : this.#word(part),
    );
    const argv = words.filter((word) => word !== undefined);
    // What could not be read was refused already.
    if (argv.length === words.length) this.#reader.vector(argv, this.#functionsAt(node.pos), this.#shell);
  }

  #redirection(node: Redirection): void {
    const place = { source: this.#source, shell: this.#shell, finds: this.#finds() };
    const file = (text: string) => this.#reader.file(text);
    this.#leaves.push(node, ...readRedirection(node, { ...place, file }));
  }

  #functionsAt(pos: number): readonly string[] {
    return this.#functions.filter(({ from }) => pos > from).map(({ name }) => name);
  }

  /** @param forProgram it is only for the program behind it, which gets it */
  #assignment(node: Assignment, forProgram: boolean): void {
    const value = this.#valueOf(node);
    this.#reader.sets(node.name, node.value.type === "Word" && isCount(node.value) ? "0" : value);
    if (forProgram && node.name !== "IFS") this.#reader.exports(node.name);
  }

  /** An argument such as A=b, which `export` takes as an assignment. */
  #assignedWord(node: Assignment): CommandWord | undefined {
    const value = this.#valueOf(node);
    if (typeof value === "string") return `${node.name}=${value}`;
    return value === undefined ? undefined : { ...value, text: node.text };
  }

  #valueOf(node: Assignment): CommandWord | undefined {
    this.#leaves.push(node);
    const { name, value } = node;
    const text = this.#source.slice(node.pos, node.end);
    const plain = value.type === "Word" && node.index === undefined && node.append !== true;
    if (!plain || text !== `${name}=${value.text}` || !/^[A-Za-z_]\w*$/.test(name)) {
      this.#reader.refuse(`${shown(text)}: only NAME=value is analysed`);
      return undefined;
    }
    return value.text === "" ? "" : wordOf(value, this.#source, this.#finds());
  }

  #word(word: Word): CommandWord | undefined {
    this.#leaves.push(word);
    return wordOf(word, this.#source, this.#finds());
  }

  #finds(): WordFinds {
    return {
      refuse: (why) => this.#reader.refuse(why),
      sets: (name) => this.#reader.sets(name),
      counts: (names) => this.#reader.counts(names),
      nested: (part) => this.#substitution(part),
    };
  }

  #substitution({ script, pos, end }: CommandExpansionPart): void {
    if (script === undefined || script.source !== undefined || (script.errors?.length ?? 0) > 0) {
      this.#reader.refuse(`${shown(this.#source.slice(pos, end))} cannot be parsed`);
      return;
    }
    const inner = new PartReader(this.#reader, this.#source, this.#shell, this.#functions);
    inner.read(script.commands, { pos: pos + 2, end: end - 1 }, "substitution");
  }
}

/** The value is a number: an arithmetic expansion and nothing else. */
function isCount({ parts }: Word): boolean {
  const [part, ...more] = parts ?? [];
  return more.length === 0 && part?.type === "ArithmeticExpansion";
}

/** Functions are known behind the place where they are made for certain: outside conditions, pipes and subshells. */
function functionsOf({ command, background }: Statement): { readonly name: string; readonly from: number }[] {
  if (command.type !== "Function" || background === true) return [];
  return [{ name: command.name.text, from: command.pos }];
}
