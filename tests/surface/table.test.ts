/** What must hold of every operation's definition, so that each surface can show it. */
import { expect, test } from "bun:test";
import { commandLine } from "../../src/command/table.ts";
import type { Operation } from "../../src/kernel/operation.ts";
import { modules } from "../../src/modules.ts";
import { callOptions } from "../../src/surface/arguments.ts";
import { spellingsOf } from "../../src/surface/commands.ts";
import { completionScript, shells } from "../../src/surface/completion.ts";
import { commandLineHelp, helpForAll, helpForModule, helpForOperation } from "../../src/surface/help.ts";
import { operationPath } from "../../src/surface/http-wire.ts";
import { openApiDocument } from "../../src/surface/openapi.ts";
import { optionsOf, positionalsOf } from "../../src/surface/options.ts";
import { referenceMarkdown } from "../../src/surface/reference.ts";
import { isFlat, jsonSchemaOf } from "../../src/surface/schema.ts";
import { arbitraryOf } from "./arbitrary.ts";
import { sampleModule } from "./sample-module.ts";

const line = commandLine();
const real = [...line.table.values()];
const all: readonly Operation[] = [...real, ...(sampleModule.operations as readonly Operation[])];
const shown = real.filter(({ surfaces }) => surfaces.includes("cli"));

/** Names the operations that break a rule. */
function keep(rule: (operation: Operation) => boolean, operations: readonly Operation[] = all): void {
  expect(operations.filter((operation) => !rule(operation)).map(({ id }) => id)).toEqual([]);
}

test("every schema of every operation is JSON Schema", () => {
  for (const { id, input, output, message, gives, takes } of all) {
    expect(() => jsonSchemaOf(input, "input"), id).not.toThrow();
    if (gives !== "bytes") expect(() => jsonSchemaOf(output, "output"), id).not.toThrow();
    if (takes === "messages") expect(() => jsonSchemaOf(message, "input"), id).not.toThrow();
  }
});

test("values can be made for every input, so that the parity suite covers it", () => {
  for (const { id, input, message, takes } of all) {
    expect(() => arbitraryOf(input), id).not.toThrow();
    if (takes === "messages") expect(() => arbitraryOf(message), id).not.toThrow();
  }
});

test("an operation that takes bytes or messages has a flat input, which a query can carry", () => {
  keep((operation) => operation.takes === "nothing" || isFlat(operation));
});

test("no input uses the name of an option that every command has", () => {
  const reserved = new Set<string>([...Object.keys(callOptions), "data", "version"]);
  keep((operation) => optionsOf(operation).every(({ name }) => !reserved.has(name)));
});

test("options of one operation are all different, also with --no- before them", () => {
  keep((operation) => {
    const names = optionsOf(operation).flatMap(({ name, flag, clears }) =>
      flag || clears ? [name, `no-${name}`] : [name],
    );
    return new Set(names).size === names.length;
  });
});

test("words by position are inputs of the operation, and only the last may be a list", () => {
  keep((operation) => positionalsOf(operation).length === (operation.cli.positional ?? []).length);
  keep((operation) =>
    positionalsOf(operation)
      .slice(0, -1)
      .every(({ repeated }) => !repeated),
  );
});

test("every spelling of a command means one thing", () => {
  const spellings = shown.flatMap(spellingsOf);
  const own = line.commands.map(({ words }) => words);
  // The program answers "doctor" itself, and asks the running node when there is one.
  const both = spellings.filter((spelling) => own.includes(spelling));
  expect(both.filter((spelling) => spelling !== "doctor")).toEqual([]);
  expect(spellings.filter((spelling, at) => spellings.indexOf(spelling) !== at)).toEqual([]);
  const ids = new Set(modules.map(({ id }) => id));
  expect(spellings.filter((spelling) => ids.has(spelling))).toEqual([]);
});

test("every input of a real operation is described, for help and documents", () => {
  const bare = real.flatMap((operation) =>
    optionsOf(operation)
      .filter(({ description }) => description === undefined)
      .map(({ key }) => `${operation.id} ${key}`),
  );
  expect(bare).toEqual([]);
});

test("every operation is in the help, the completion, the reference and the API document", () => {
  const everything = helpForAll(line, 100);
  const reference = referenceMarkdown({ modules, table: line.table, commands: [] });
  const { paths } = openApiDocument(line.table, { version: "0.0.0" });
  const scripts = shells.map((shell) => completionScript(shell, line));
  const helped = new Set(commandLineHelp(line.table).map(({ id }) => id));
  keep(({ id }) => helped.has(id), shown);
  keep(({ module, name }) => helpForModule(line, module, 100).includes(`  ${name}`), shown);
  keep((operation) => helpForOperation(operation, 100).includes(operation.summary), shown);
  keep(({ cli }) => (cli.alias ?? []).every((alias) => everything.includes(`  ${alias}`)), shown);
  keep(({ name }) => scripts.every((script) => script.includes(name)), shown);
  keep(({ id }) => reference.includes(`### ${id}\n`), real);
  keep(
    ({ id }) => Object.hasOwn(paths as object, operationPath(id)),
    real.filter(({ surfaces }) => surfaces.includes("http")),
  );
});
