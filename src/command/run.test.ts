import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modules } from "../modules.ts";
import { takeLock } from "../platform/lock.ts";
import { dataPaths } from "../platform/paths.ts";
import type { Terminal } from "../platform/terminal.ts";
import { commands } from "./commands.ts";
import { run } from "./run.ts";

const made: string[] = [];
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "operone-run-"));
  made.push(path);
  return path;
}
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** What the words print and give, with `answer` for a question. */
async function typed(argv: readonly string[], answer?: string) {
  let stdout = "";
  let stderr = "";
  const terminal: Terminal = {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
    ask: () => Promise.resolve(answer),
  };
  const code = await run(argv, terminal);
  return { code, stdout, stderr };
}

/** A data directory in which a node has run. */
function used(): string {
  const directory = folder();
  takeLock(dataPaths(directory), "1", 0).release();
  return directory;
}

test("the version is one line, or JSON", async () => {
  expect((await typed(["--version"])).stdout).toMatch(/^operone \d+\.\d+\.\d+ \(\w+\)\n$/);
  expect(JSON.parse((await typed(["version", "--json"])).stdout)).toMatchObject({ bun: Bun.version });
});

test("every command explains itself, and its options are told", async () => {
  for (const { words, summary, options = {} } of commands) {
    const { code, stdout } = await typed([...words.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(summary);
    for (const [name, option] of Object.entries(options))
      expect(stdout.includes(`--${name}`)).toBe(option.hidden !== true);
    expect((await typed(["help", ...words.split(" ")])).stdout).toBe(stdout);
  }
});

test("the commands are sorted, and no two are alike", () => {
  const words = commands.map((command) => command.words);
  expect(words).toEqual([...new Set(words)].sort());
});

test("a family of commands is listed, and a slip in it is corrected", async () => {
  expect((await typed(["config", "--help"])).stdout).toContain("operone config explain");
  expect((await typed(["help", "config"])).stdout).toContain("operone config explain");
  const slip = await typed(["config", "chek"]);
  expect(slip.code).toBe(2);
  expect(slip.stderr).toContain('did you mean "operone config check"?');
  expect((await typed(["config"])).stderr).toContain("use one of: config check");
});

test("a refusal is one line and an exit code, or JSON", async () => {
  const refused = await typed(["up", "--nope"]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toStartWith('operone: "operone up" has no option --nope');
  const json = await typed(["up", "--nope", "--json"]);
  expect(JSON.parse(json.stderr).error.code).toBe("invalid_input");
});

test("the configuration is checked, explained and shown as a schema", async () => {
  const directory = folder();
  const data = ["--data", directory];
  expect((await typed(["config", "check", ...data])).stdout).toContain("no config.toml");
  writeFileSync(join(directory, "config.toml"), "version = 1\n[access]\nauditKeepDays = 7\n");
  expect(JSON.parse((await typed(["config", "check", "--json", ...data])).stdout)).toMatchObject({
    ok: true,
    set: 1,
  });
  const explained = await typed(["config", "explain", "--set", "access.denialHoldMs=5", ...data]);
  expect(explained.stdout).toMatch(/access\.auditKeepDays +7 +config\.toml/);
  expect(explained.stdout).toMatch(/access\.denialHoldMs +5 +--set access\.denialHoldMs/);
  const entries = JSON.parse((await typed(["config", "explain", "--json", ...data])).stdout);
  expect(entries).toContainEqual({
    key: "access.auditKeepDays",
    value: 7,
    source: "config.toml",
    environment: "OPERONE_ACCESS_AUDIT_KEEP_DAYS",
  });
  const schema = JSON.parse((await typed(["config", "schema"])).stdout);
  expect(schema.properties.access.properties.auditKeepDays.default).toBe(365);
  writeFileSync(join(directory, "config.toml"), "[access]\nauditKeepDay = 7\n");
  const refused = await typed(["config", "check", ...data]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('config.toml line 2: "access.auditKeepDay" is not a key');
});

test("the configuration of the first version is read as it was written", async () => {
  const text = await Bun.file(join(import.meta.dir, "fixtures/config-version-1.toml")).text();
  const directory = folder();
  writeFileSync(join(directory, "config.toml"), text);
  expect((await typed(["config", "check", "--data", directory])).code).toBe(0);
  const migrated = await typed(["config", "migrate", "--data", directory]);
  expect(migrated.stdout).toBe(text);
  expect(migrated.stderr).toContain("of version 1 already");
  expect(
    JSON.parse((await typed(["config", "migrate", "--json", "--data", directory])).stdout),
  ).toMatchObject({
    from: 1,
    to: 1,
    values: { version: 1 },
  });
  expect((await typed(["config", "migrate", "--data", folder()])).code).toBe(5);
});

test("the documents and the completions are made without a node", async () => {
  expect((await typed(["api", "reference"])).stdout).toContain("### access.token-create");
  const manifests = JSON.parse((await typed(["api", "manifest"])).stdout);
  expect(manifests.map(({ id }: { readonly id: string }) => id)).toEqual(modules.map(({ id }) => id));
  expect((await typed(["api", "openapi"])).code).toBe(0);
  expect((await typed(["api", "page"])).code).toBe(0);
  for (const shell of ["bash", "zsh", "fish"]) {
    expect((await typed(["completion", shell])).stdout).toContain("operone");
  }
  expect((await typed(["completion", "tcsh"])).code).toBe(2);
});

test("down says when there is nothing to stop, and refuses a timeout that is none", async () => {
  const data = ["--data", join(folder(), "none")];
  expect(await typed(["down", ...data])).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse((await typed(["down", "--json", ...data])).stdout)).toEqual({ outcome: "not_running" });
  for (const timeout of ["soon", "-1", "", "1e9"]) {
    expect((await typed(["down", "--timeout", timeout, ...data])).code).toBe(2);
  }
});

test("uninstall asks, keeps everything without a yes, and removes only what was made", async () => {
  const directory = used();
  const outside = folder();
  writeFileSync(join(outside, "precious"), "x");
  mkdirSync(join(directory, "access"));
  symlinkSync(outside, join(directory, "access", "link"));
  symlinkSync(join(outside, "precious"), join(directory, "owner.token"));
  writeFileSync(join(directory, ".owner.token.0123456789ab.tmp"), "half");
  writeFileSync(join(directory, "config.toml"), "");
  const data = ["--data", directory];
  const before = readdirSync(directory);
  expect(await typed(["uninstall", ...data])).toMatchObject({ code: 2 });
  expect(await typed(["uninstall", ...data], "n")).toMatchObject({ code: 130 });
  expect(readdirSync(directory)).toEqual(before);
  const removed = await typed(["uninstall", ...data], "yes");
  expect(removed.code).toBe(0);
  expect(removed.stderr).toContain(`${join(directory, "owner.token")}  (link`);
  expect(removed.stderr).toContain(`Not made by it, and kept:\n  ${join(directory, "config.toml")}`);
  expect(readdirSync(directory)).toEqual(["config.toml"]);
  expect(existsSync(join(outside, "precious"))).toBe(true);
});

test("uninstall removes the folder when nothing else is in it, and never a folder that is not ours", async () => {
  const directory = used();
  const answer = await typed(["uninstall", "--yes", "--json", "--data", directory]);
  expect(JSON.parse(answer.stdout)).toMatchObject({ removed: [join(directory, "lock")], kept: [] });
  expect(existsSync(directory)).toBe(false);
  const other = folder();
  writeFileSync(join(other, "thesis.doc"), "x");
  expect((await typed(["uninstall", "--yes", "--data", other])).code).toBe(5);
  const link = join(folder(), "link");
  symlinkSync(used(), link);
  expect((await typed(["uninstall", "--yes", "--data", link])).code).toBe(5);
  expect(readdirSync(other)).toEqual(["thesis.doc"]);
});

test("the doctor sees what is wrong without a node", async () => {
  const directory = used();
  // Another program may have the usual port.
  writeFileSync(join(directory, "config.toml"), "[http]\nport = 0\n");
  const good = await typed(["doctor", "--data", directory]);
  expect(good.stdout).toContain(`No node is running in ${directory}`);
  expect(good.code).toBe(0);
  writeFileSync(join(directory, "config.toml"), "nope = 1\n");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(directory, "operone.sock"), resolve));
  const bad = await typed(["doctor", "--json", "--data", directory]);
  await new Promise((resolve) => server.close(resolve));
  expect(bad.code).toBe(1);
  const { checks } = JSON.parse(bad.stdout) as { checks: { name: string; verdict: string; fix?: string }[] };
  const failed = checks.filter(({ verdict }) => verdict === "failure");
  expect(failed.map(({ name }) => name).sort()).toEqual(["configuration", "node"]);
  expect(checks.every(({ verdict, fix }) => (verdict === "ok") === (fix === undefined))).toBe(true);
  const port = await new Promise<number>((resolve) => {
    const taken = createServer().listen(0, "127.0.0.1", () => {
      const address = taken.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
      taken.unref();
    });
  });
  writeFileSync(join(directory, "config.toml"), `[http]\nport = ${port}\n`);
  expect((await typed(["doctor", "--data", directory])).stdout).toContain(
    `127.0.0.1:${port} cannot be bound (EADDRINUSE)`,
  );
  const long = await typed(["doctor", "--data", join(directory, "x".repeat(120))]);
  expect(long.stdout).toContain("failure  socket path");
});

test("a folder that is not usable is refused with the reason", async () => {
  const file = join(folder(), "file");
  writeFileSync(file, "");
  const refused = await typed(["up", "--data", join(file, "below")]);
  expect(refused.code).toBe(15);
  expect(refused.stderr).toContain("name another with --data");
  const long = await typed(["up", "--data", join(folder(), "x".repeat(120))]);
  expect(long.code).toBe(2);
  expect(long.stderr).toMatch(/has \d+ bytes and the system takes \d+/);
});
