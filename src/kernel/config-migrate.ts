/** Versions of the configuration file. Old files are brought forward in memory; the file itself is never rewritten. */
import { OperoneError } from "./error.ts";

/** One step forward. `from` is the version it reads; it gives the next one. */
export interface ConfigMigration {
  readonly from: number;
  /** What changed, for `config migrate`: `http.listen is now http.addresses`. */
  readonly summary: string;
  migrate(tables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
}

/** In order, one for every version that was ever released but the current one. */
export const configMigrations: readonly ConfigMigration[] = [];

export interface MigratedConfig {
  /** The tables without `version`. */
  readonly tables: Readonly<Record<string, unknown>>;
  readonly from: number;
  readonly to: number;
  readonly changes: readonly string[];
}

export function configVersionOf(migrations: readonly ConfigMigration[] = configMigrations): number {
  return migrations.length + 1;
}

/**
 * A file without `version` is read as version 1, the first one, so that it keeps its meaning for ever.
 *
 * @throws OperoneError `invalid_input` for a version that is no whole number or newer than this program.
 */
export function migrateConfig(
  values: Readonly<Record<string, unknown>>,
  source = "config.toml",
  migrations: readonly ConfigMigration[] = configMigrations,
): MigratedConfig {
  const { version: from = 1, ...rest } = values;
  const to = configVersionOf(migrations);
  if (typeof from !== "number" || !Number.isInteger(from) || from < 1) {
    throw new OperoneError(
      "invalid_input",
      `${source}: version = ${JSON.stringify(from)} is not a version of the configuration; write version = ${to}`,
    );
  }
  if (from > to) {
    throw new OperoneError(
      "invalid_input",
      `${source} is of version ${from}, but this operone reads versions up to ${to}: ` +
        "it was written for a newer operone; upgrade this one, or use a file of the older version",
    );
  }
  let tables: Readonly<Record<string, unknown>> = rest;
  const changes: string[] = [];
  for (const step of migrations.slice(from - 1)) {
    tables = step.migrate(tables);
    changes.push(step.summary);
  }
  return { tables, from, to, changes };
}
