/** The reference documentation, made from the table of operations: Markdown, one section for each module. */
import type { Permission } from "../kernel/authority.ts";
import { errorCodes } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";
import type { OperationTable } from "../kernel/view.ts";
import { type OperationHelp, operationHelp } from "./help.ts";
import { operationPath } from "./http-wire.ts";
import { jsonSchemaOf } from "./schema.ts";

export interface ReferenceModule {
  readonly id: string;
  readonly summary: string;
  readonly permissions: Readonly<Record<string, Permission>>;
}

export interface ReferenceCommand {
  readonly words: string;
  readonly summary: string;
  readonly positional?: readonly string[];
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
    "Made from the table of operations by `operone api reference`; do not edit. Every operation is one verb on all its doors: the command line, HTTP and what follows.",
    "## The program's own commands",
    markdownTable(
      ["command", "what it does"],
      commands.map(({ words, positional = [], summary }) => [
        code(["operone", words, ...positional].join(" ")),
        summary,
      ]),
    ),
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

function moduleParts(module: ReferenceModule, table: OperationTable): readonly string[] {
  const operations = [...table.values()].filter((operation) => operation.module === module.id);
  const permissions = Object.entries(module.permissions).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    `## ${module.id}`,
    module.summary,
    ...(permissions.length === 0 ? [] : [permissionTable(permissions)]),
    ...operations.flatMap(operationParts),
  ];
}

function permissionTable(permissions: readonly (readonly [string, Permission])[]): string {
  const rows = permissions.map(([name, { summary, ownerOnly, warning }]) => {
    const notes = [summary, ownerOnly === true ? "The owner alone." : "", warning ?? ""];
    return [code(name), notes.filter((note) => note !== "").join(" ")];
  });
  return markdownTable(["permission", "what it allows"], rows);
}

function operationParts(operation: Operation): readonly string[] {
  const { summary, description, takes, gives, deadlineMs, effect } = operation;
  const help = operationHelp(operation);
  const facts = [
    `Effect: ${effect}`,
    `needs ${operation.needs.map(code).join(", ") || "no permission"}`,
    takes === "nothing" ? "" : `takes ${takes}`,
    `gives ${gives === "value" ? "a value" : gives}`,
    deadlineMs === 0 ? "no deadline" : `deadline ${deadlineMs / 1000} s`,
  ].filter((fact) => fact !== "");
  const own = operation.errors.map(code).join(", ");
  const examples = help.examples.slice(0, examplesMax).map(({ command }) => command);
  return [
    `### ${operation.id}`,
    description === undefined ? `${summary}.` : `${summary}. ${description}`,
    `${facts.join("; ")}.`,
    fenced("", doors(operation, help).join("\n")),
    ...(help.options.length === 0
      ? ["No input."]
      : [
          markdownTable(
            ["input", "meaning"],
            help.options.map(({ spelled, text }) => [code(spelled), text]),
          ),
        ]),
    ...(gives === "bytes" ? [] : [outputText(operation)]),
    ...(own === "" ? [] : [`Errors beyond those of every call: ${own}.`]),
    ...(examples.length === 0 ? [] : ["Examples:", fenced("", examples.join("\n"))]),
  ];
}

function doors(operation: Operation, { usage, aliases }: OperationHelp): readonly string[] {
  const typed = operation.surfaces.includes("cli") ? [usage, ...aliases] : [];
  const path = operationPath(operation.id);
  const verbs = operation.effect === "read" && operation.takes === "nothing" ? "GET, POST" : "POST";
  return operation.surfaces.includes("http") ? [...typed, `${verbs} ${path}`] : typed;
}

function outputText(operation: Operation): string {
  const schema = jsonSchemaOf(operation.output, "output");
  return `${operation.gives === "items" ? "Each item" : "The value"}:\n\n${fenced("json", JSON.stringify(schema))}`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ");
}

function code(text: string): string {
  return `\`${text}\``;
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
