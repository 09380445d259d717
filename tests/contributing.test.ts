/** Adds the verb that CONTRIBUTING shows to a copy of the sources, as it says, and looks for it on the doors. */
import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
const copy = mkdtempSync(join(tmpdir(), "verb-"));
afterAll(() => rmSync(copy, { recursive: true }));

function run(...argv: readonly string[]): string {
  const env = { ...process.env, OPERONE_HOME: join(copy, "none") };
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, ...argv], { cwd: copy, env });
  expect({ argv, exitCode, stderr: stderr.toString() }).toEqual({ argv, exitCode: 0, stderr: "" });
  return stdout.toString();
}

test("the verb that CONTRIBUTING shows is on every door, by what it says and nothing else", () => {
  for (const part of ["package.json", "tsconfig.json", "src", "modules", "scripts"])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const contributing = readFileSync(join(root, "CONTRIBUTING.md"), "utf8");
  const verb = /^```ts\n(const uptime = [\s\S]*?)^```$/m.exec(contributing)?.[1] ?? "";
  const file = join(copy, "modules/node/operations-status.ts");
  const before = readFileSync(file, "utf8");
  const list = /export const statusOperations = \[([^\]]*)\];\n$/;
  expect(before).toMatch(list);
  writeFileSync(
    file,
    before.replace(list, (_, names) => `${verb}\nexport const statusOperations = [${names}, uptime];\n`),
  );

  expect(run("src/main.ts", "node", "uptime", "--help")).toContain("operone node uptime [UNIT]");
  for (const shell of ["bash", "zsh", "fish"]) {
    expect(run("src/main.ts", "completion", shell)).toContain("uptime");
  }
  run("scripts/docs.ts");
  const made = (path: string) => readFileSync(join(copy, path), "utf8");
  expect(made("docs/reference/operations.md")).toContain("### node.uptime\n");
  expect(made("docs/reference/manifests.json")).toContain('"node.uptime"');
  expect(made("tests/surface/openapi.json")).toContain('"/v1/node/uptime"');
}, 30_000);
