/** The reference of all configuration keys, made from the modules' schemas. */
import { configVersionOf } from "../../src/kernel/config-migrate.ts";
import { type ConfigLeaf, leavesOf } from "../../src/kernel/config-shape.ts";
import type { Module } from "../../src/kernel/module.ts";
import { code, fenced, markdownTable } from "../../src/surface/markdown.ts";
import { jsonSchemaOf } from "../../src/surface/schema.ts";
import { flatText } from "../../src/surface/schema-text.ts";

export function configurationMarkdown(modules: readonly Module[]): string {
  const leaves = leavesOf(modules);
  const parts = [
    "# Configuration",
    "Made from the modules' schemas; do not edit. The file is `config.toml` in the data directory; it may be absent. A key may come from the file, an environment variable over it, and `operone up --set KEY=VALUE` over both. `operone config explain` shows what is in force and where each value came from. Units end the names: `Ms` is milliseconds, `Bytes` bytes.",
    fenced("toml", sample(leaves)),
    "`OPERONE_HOME` names the data directory and is no key. A list in a variable is separated by commas, or JSON.",
    ...modules.flatMap(({ id, summary }) => {
      const own = leaves.filter(({ path }) => path[0] === id);
      return own.length === 0 ? [] : [`## ${id}`, `${summary}.`, keyTable(own)];
    }),
  ];
  return `${parts.join("\n\n")}\n`;
}

function keyTable(leaves: readonly ConfigLeaf[]): string {
  return markdownTable(
    ["key", "type", "default", "meaning", "variable"],
    leaves.map(({ key, schema, environment }) => {
      const json = jsonSchemaOf(schema, "input");
      return [
        code(key),
        flatText(json),
        code(JSON.stringify(json.default)),
        json.description ?? "",
        code(environment),
      ];
    }),
  );
}

/** A file that says what is so anyway, to show where a key goes. */
function sample(leaves: readonly ConfigLeaf[]): string {
  const shown = ["http.port", "http.limits.bodyBytesMax", "node.name"].map((key) => {
    const leaf = leaves.find((one) => one.key === key);
    if (leaf === undefined) throw new Error(`The sample of config.toml shows "${key}", which is no key`);
    const name = leaf.path.at(-1);
    const value = JSON.stringify(jsonSchemaOf(leaf.schema, "input").default);
    return `[${leaf.path.slice(0, -1).join(".")}]\n${name} = ${value}`;
  });
  return [`version = ${configVersionOf()}`, ...shown].join("\n\n");
}
