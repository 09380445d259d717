/**
 * Measures the compiled binary beside its yardsticks: `npm run bench -- [names...] [--json FILE] [--binary FILE]`.
 * `mesh` is all of the mesh, `mesh-calls` a part of it.
 * Absolute times on a shared machine drift by a factor of two; the ratios are what counts.
 */
import { existsSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { measurements } from "./measurements.ts";
import { type Row, tableOf } from "./rounds.ts";
import { buildYardsticks } from "./subjects.ts";

const root = resolve(import.meta.dirname, "../..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "string" }, binary: { type: "string", default: join(root, "dist", "operone") } },
});
const isAsked = (asked: string, name: string) => name === asked || name.startsWith(`${asked}-`);
const unknown = positionals.find((asked) => !Object.keys(measurements).some((name) => isAsked(asked, name)));
if (unknown !== undefined) {
  console.error(`There is no measurement "${unknown}"; there are ${Object.keys(measurements).join(", ")}`);
  process.exit(2);
}
if (!existsSync(values.binary)) {
  console.error(`There is no binary at "${values.binary}"; "npm run build" makes it`);
  process.exit(5);
}

const yardsticks = await buildYardsticks(root);
const rows: Row[] = [];
try {
  for (const [name, measure] of Object.entries(measurements)) {
    if (positionals.length > 0 && !positionals.some((asked) => isAsked(asked, name))) continue;
    console.error(`measuring ${name} ...`);
    rows.push(...(await measure({ binary: values.binary, yardsticks })));
  }
} finally {
  yardsticks.remove();
}
console.log(tableOf(rows));
if (values.json !== undefined) {
  const machine = {
    cores: cpus().length,
    model: cpus()[0]?.model,
    platform: process.platform,
    arch: process.arch,
    bun: Bun.version,
  };
  writeFileSync(values.json, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
}
