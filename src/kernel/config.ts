/**
 * Validates the configuration and says where each value came from. Objects and strings come in; reading files and
 * the environment is the platform's work. Nothing starts on a configuration that has a single problem, and all
 * problems are told at once.
 */
import * as v from "valibot";
import { type ConfigLayer, type ConfigProblem, type Setting, settingsOf } from "./config-layers.ts";
import { type ConfigMigration, configMigrations, configVersionOf } from "./config-migrate.ts";
import { looksSecret, withoutSecrets } from "./config-secrets.ts";
import { type ConfigModule, isTable, leavesOf } from "./config-shape.ts";
import { OperoneError } from "./error.ts";
import type { Schema } from "./operation.ts";

export interface ConfigEntry {
  /** `http.port` */
  readonly key: string;
  /** As it is in force; `"(hidden)"` for what looks like a secret. */
  readonly value: unknown;
  /** The layer that set it, or `default`. */
  readonly source: string;
  /** The variable that would set it. */
  readonly environment: string;
}

export interface ResolvedConfig {
  /** Parsed values by module id, for `boot`. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Every key, for `config explain`. */
  readonly entries: readonly ConfigEntry[];
}

export interface ConfigInput {
  readonly modules: readonly ConfigModule[];
  readonly layers: readonly ConfigLayer[];
  readonly migrations?: readonly ConfigMigration[];
}

/** @throws OperoneError `invalid_input` with every problem of every layer in `details.problems`. */
export function resolveConfig({
  modules,
  layers,
  migrations = configMigrations,
}: ConfigInput): ResolvedConfig {
  const leaves = leavesOf(modules);
  const problems: ConfigProblem[] = [];
  const winners = new Map<string, Setting>();
  for (const layer of layers) {
    for (const setting of settingsOf(layer, { modules, leaves, migrations, problems })) {
      const found = valueProblems(setting);
      if (found.length === 0) winners.set(setting.leaf.key, setting);
      problems.push(...found);
    }
  }
  const values: Record<string, unknown> = {};
  for (const module of modules) {
    const parsed = v.safeParse(module.config, moduleInput(module.id, winners));
    if (parsed.success) values[module.id] = parsed.output;
    // Keys that were refused one by one are missing here, so what the whole says would only confuse.
    else if (!problems.some(({ key }) => key.startsWith(`${module.id}.`))) {
      problems.push(...moduleProblems(module.id, parsed.issues, winners));
    }
  }
  if (problems.length > 0) throw invalidConfig(problems);
  const entries = leaves.map(({ key, path, environment }) => ({
    key,
    environment,
    value: withoutSecrets(key, valueAt(values, path)),
    source: winners.get(key)?.source ?? "default",
  }));
  return { values, entries };
}

/** The schema of a whole file, for `config schema`: an editor completes and checks with it. */
export function configSchema(modules: readonly ConfigModule[]): Schema {
  const tables = modules.map((module) => [module.id, v.optional(module.config, {})] as const);
  return v.strictObject({
    version: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(configVersionOf())), 1),
    ...Object.fromEntries(tables),
  });
}

function valueProblems({ leaf, value, source, line }: Setting): readonly ConfigProblem[] {
  const parsed = v.safeParse(leaf.schema, value);
  if (parsed.success) return [];
  return parsed.issues.map((issue) => {
    const path = issuePath(issue);
    const key = [leaf.key, ...path].join(".");
    const message = issueMessage(key, issue);
    return line === undefined ? { source, key, message } : { source, line, key, message };
  });
}

/** What only shows when the keys of a module are seen together. */
function moduleProblems(
  id: string,
  issues: readonly v.BaseIssue<unknown>[],
  winners: ReadonlyMap<string, Setting>,
): readonly ConfigProblem[] {
  return issues.map((issue) => {
    const key = [id, ...issuePath(issue)].join(".");
    const source = winners.get(key)?.source ?? "the configuration";
    return { source, key, message: issueMessage(key, issue) };
  });
}

function issuePath(issue: v.BaseIssue<unknown>): readonly string[] {
  return (issue.path ?? []).map((item) => String(item.key));
}

function issueMessage(key: string, issue: v.BaseIssue<unknown>): string {
  if (issue.type === "strict_object" && issue.expected === "never") return "is not a key";
  if (looksSecret(key)) return issue.expected === null ? "is refused" : `expected ${issue.expected}`;
  return issue.message.replace(/^Invalid [a-z ]+: E/, "e");
}

function invalidConfig(problems: readonly ConfigProblem[]): OperoneError {
  const lines = problems.map(({ source, line, key, message }) => {
    const place = line === undefined ? source : `${source} line ${line}`;
    return key === "version" || key === "" ? `  ${message}` : `  ${place}: "${key}" ${message}`;
  });
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new OperoneError("invalid_input", `The configuration has ${count}:\n${lines.join("\n")}`, {
    problems,
  });
}

function moduleInput(id: string, winners: ReadonlyMap<string, Setting>): unknown {
  const input: Record<string, unknown> = {};
  for (const { leaf, value } of winners.values()) {
    const [module, ...path] = leaf.path;
    const name = path.pop();
    if (module !== id || name === undefined) continue;
    let table = input;
    for (const step of path) {
      const inner = table[step];
      const next = isTable(inner) ? inner : {};
      table[step] = next;
      table = next;
    }
    table[name] = value;
  }
  return input;
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  let value = values;
  for (const name of path) value = isTable(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}
