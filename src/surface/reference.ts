/** The reference documentation, made from the table of operations: Markdown, one section for each module. */
import type { Permission } from "../kernel/authority.ts";
import { errorCodes } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";
import type { OperationTable } from "../kernel/view.ts";
import { type OperationHelp, operationHelp } from "./help.ts";
import { methodsOf } from "./http-request.ts";
import { operationPath } from "./http-wire.ts";
import { code, fenced, markdownTable } from "./markdown.ts";
import { optionsOf, positionalsOf } from "./options.ts";
import { jsonSchemaOf } from "./schema.ts";
import { schemaText } from "./schema-text.ts";

export interface ReferenceModule {
  readonly id: string;
  readonly summary: string;
  readonly permissions: Readonly<Record<string, Permission>>;
}

export interface ReferenceCommand {
  readonly words: string;
  readonly summary: string;
  readonly positional?: readonly string[];
  /** By name, without dashes. */
  readonly options?: Readonly<Record<string, ReferenceOption>>;
}

interface ReferenceOption {
  readonly value?: string;
  readonly multiple?: boolean;
  readonly hidden?: boolean;
}

export interface ReferenceInput {
  readonly modules: readonly ReferenceModule[];
  readonly table: OperationTable;
  readonly commands: readonly ReferenceCommand[];
}

const examplesMax = 3;

export function referenceMarkdown({ modules, table, commands }: ReferenceInput): string {
  const parts = [
    "# Reference",
    "Made from the table of operations; do not edit. `operone api reference` prints it for the version that you have. Types are in the notation of TypeScript; times ending in `Ms` are milliseconds, moments among them Unix time.",
    "## The program's own commands",
    markdownTable(
      ["command", "what it does"],
      commands.map((command) => [code(usageOf(command)), command.summary]),
    ),
    "Every one takes `--data DIR`, `--json` and `--help` too.",
    ...modules.flatMap((module) => moduleParts(module, table)),
    "## Errors",
    markdownTable(
      ["code", "meaning", "HTTP", "exit code"],
      Object.entries(errorCodes).map(([name, { title, http, exit }]) => [
        code(name),
        title,
        String(http),
        String(exit),
      ]),
    ),
  ];
  return `${parts.join("\n\n")}\n`;
}

function usageOf({ words, positional = [], options = {} }: ReferenceCommand): string {
  const shown = Object.entries(options)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([name, { value, multiple }]) => {
      const spelled = value === undefined ? `--${name}` : `--${name} ${value}`;
      return multiple === true ? `[${spelled}]...` : `[${spelled}]`;
    });
  return ["operone", words, ...positional, ...shown].join(" ");
}

function moduleParts(module: ReferenceModule, table: OperationTable): readonly string[] {
  const operations = [...table.values()].filter((operation) => operation.module === module.id);
  const permissions = Object.entries(module.permissions).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    `## ${module.id}`,
    sentence(module.summary),
    ...(permissions.length === 0 ? [] : [permissionTable(permissions)]),
    ...operations.flatMap(operationParts),
  ];
}

function permissionTable(permissions: readonly (readonly [string, Permission])[]): string {
  const rows = permissions.map(([name, { summary, ownerOnly, warning }]) => {
    const notes = [summary, ownerOnly === true ? "The owner alone" : "", warning ?? ""];
    return [
      code(name),
      notes
        .filter((note) => note !== "")
        .map(sentence)
        .join(" "),
    ];
  });
  return markdownTable(["permission", "what it allows"], rows);
}

function operationParts(operation: Operation): readonly string[] {
  const { summary, description, takes, gives, deadlineMs, effect } = operation;
  const help = operationHelp(operation);
  const facts = [
    `Effect: ${effect}`,
    `needs ${neededText(operation) || "no permission"}`,
    takes === "nothing" ? "" : `takes ${takes}`,
    `gives ${gives === "value" ? "a value" : gives}`,
    deadlineMs === 0 ? "no deadline" : `deadline ${deadlineMs / 1000} s`,
    operation.surfaces.includes("mesh") ? "takes `--node`" : "",
  ].filter((fact) => fact !== "");
  const own = operation.errors.map(code).join(", ");
  const examples = help.examples.slice(0, examplesMax).map(({ command }) => command);
  return [
    `### ${operation.id}`,
    description === undefined ? sentence(summary) : `${sentence(summary)} ${description}`,
    `${facts.join("; ")}.`,
    fenced("", doors(operation, help).join("\n")),
    ...(help.options.length === 0 ? ["No input."] : [inputTable(operation, help)]),
    ...(gives === "bytes" ? [] : [outputText(operation)]),
    ...(own === "" ? [] : [`Errors beyond those of every call: ${own}.`]),
    ...(examples.length === 0 ? [] : ["Examples:", fenced("", examples.join("\n"))]),
  ];
}

function neededText({ needs, needsOneOf }: Operation): string {
  const oneOf = needsOneOf.map(code).join(" or ");
  return [...needs.map(code), ...(oneOf === "" ? [] : [oneOf])].join(", ");
}

/** Keys as HTTP has them, beside what is typed. */
function inputTable(operation: Operation, { options }: OperationHelp): string {
  const words = positionalsOf(operation);
  const named = optionsOf(operation).filter((option) => !words.includes(option));
  const keys = [...words, ...named].map(({ key }) => key);
  return markdownTable(
    ["input", "typed", "meaning"],
    options.map(({ spelled, text }, at) => [code(keys[at] ?? ""), code(spelled), text]),
  );
}

function doors(operation: Operation, { usage, aliases }: OperationHelp): readonly string[] {
  const typed = operation.surfaces.includes("cli") ? [usage, ...aliases] : [];
  const path = operationPath(operation.id);
  const verbs = operation.takes === "messages" ? "WebSocket" : methodsOf(operation).join(", ");
  return operation.surfaces.includes("http") ? [...typed, `${verbs} ${path}`] : typed;
}

function outputText(operation: Operation): string {
  const type = schemaText(jsonSchemaOf(operation.output, "output")).replace(/^\n/, "");
  return `${operation.gives === "items" ? "Each item" : "The value"}:\n\n${fenced("ts", type)}`;
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return capital.endsWith(".") ? capital : `${capital}.`;
}
