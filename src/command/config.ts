/** `operone config`: check, explain, schema, migrate. None of them needs a running node or changes a file. */
import { configMigrations, configVersionOf, migrateConfig } from "../kernel/config-migrate.ts";
import { OperoneError } from "../kernel/error.ts";
import { dataPaths, readConfigText } from "../platform/paths.ts";
import { parseToml, tomlText } from "../platform/toml.ts";
import type { CommandInput } from "./command.ts";
import { configFileSchema, loadConfiguration } from "./configuration.ts";

export async function check({ directory, texts, json, terminal }: CommandInput): Promise<number> {
  const paths = dataPaths(directory);
  const { entries } = await loadConfiguration(paths, texts("set"));
  const set = entries.filter((entry) => entry.source !== "default");
  const file = readConfigText(paths.config) === undefined ? null : paths.config;
  if (json) terminal.out(`${JSON.stringify({ ok: true, file, keys: entries.length, set: set.length })}\n`);
  else
    terminal.out(
      `The configuration is good: ${file ?? "no config.toml"}, ${set.length} of ${entries.length} keys set\n`,
    );
  return 0;
}

export async function explain({ directory, texts, json, terminal }: CommandInput): Promise<number> {
  const paths = dataPaths(directory);
  const { entries } = await loadConfiguration(paths, texts("set"));
  if (json) {
    terminal.out(`${JSON.stringify(entries)}\n`);
    return 0;
  }
  const rows = entries.map(({ key, value, source }) => [key, JSON.stringify(value) ?? "", source] as const);
  const width = (column: 0 | 1) => Math.min(60, Math.max(0, ...rows.map((row) => row[column].length)));
  for (const [key, value, source] of rows) {
    terminal.out(`${key.padEnd(width(0))}  ${value.padEnd(width(1))}  ${source}\n`);
  }
  return 0;
}

export async function schema({ terminal }: CommandInput): Promise<number> {
  const { jsonSchemaOf } = await import("../surface/schema.ts");
  const made = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...jsonSchemaOf(configFileSchema(), "input"),
  };
  terminal.out(`${JSON.stringify(made, null, 2)}\n`);
  return 0;
}

export function migrate({ directory, json, terminal }: CommandInput): number {
  const { config } = dataPaths(directory);
  const text = readConfigText(config);
  if (text === undefined) {
    throw new OperoneError("not_found", `There is no ${config}, so there is nothing to migrate`);
  }
  const { tables, from, to, changes } = migrateConfig(parseToml(text, "config.toml").values);
  const values = { version: configVersionOf(configMigrations), ...tables };
  if (json) {
    terminal.out(`${JSON.stringify({ from, to, changes, values })}\n`);
    return 0;
  }
  terminal.err(from === to ? `${config} is of version ${to} already\n` : `From version ${from} to ${to}:\n`);
  for (const change of changes) terminal.err(`  ${change}\n`);
  terminal.out(from === to ? text : `${tomlText(values)}\n`);
  return 0;
}
