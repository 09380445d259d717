import { afterAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, folder, run, startNode } from "./node.ts";

afterAll(cleanUp);

const shout = `console.log("PWNED"); console.error("PWNED"); globalThis.PWNED = true;\n`;

/** A folder with everything that Bun, Node or TypeScript would pick up by themselves. */
function hostileFolder(): string {
  const path = folder("hostile");
  const write = (name: string, text: string) => {
    mkdirSync(join(path, name, ".."), { recursive: true });
    writeFileSync(join(path, name), text);
  };
  write(
    "bunfig.toml",
    `preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n[test]\npreload = ["./evil.ts"]\n`,
  );
  write(".bunfig.toml", `preload = ["./evil.ts"]\n`);
  write("evil.ts", shout);
  for (const name of [".env", ".env.local", ".env.production", ".env.development"]) {
    write(name, "OPERONE_HTTP_PORT=1\nOPERONE_HOME=/PWNED\nPWNED=1\nBUN_OPTIONS=--preload=./evil.ts\n");
  }
  const aliases = { "*": ["./evil.ts"], valibot: ["./evil.ts"], hono: ["./evil.ts"] };
  write("tsconfig.json", JSON.stringify({ compilerOptions: { baseUrl: ".", paths: aliases } }));
  write("jsconfig.json", JSON.stringify({ compilerOptions: { baseUrl: ".", paths: aliases } }));
  write(
    "package.json",
    JSON.stringify({
      name: "operone",
      version: "6.6.6",
      type: "commonjs",
      imports: { "#platform": "./evil.ts" },
      scripts: { start: "echo PWNED", preinstall: "echo PWNED" },
      trustedDependencies: ["valibot"],
    }),
  );
  for (const name of ["valibot", "hono", "drizzle-orm", "smol-toml", "msgpackr", "msgpackr-extract"]) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: "9.9.9", main: "index.js" }));
    write(`node_modules/${name}/index.js`, shout);
  }
  write("config.toml", "[http]\nport = 1\n");
  return path;
}

test("a hostile folder changes nothing of the commands that are run in it", async () => {
  const cwd = hostileFolder();
  for (const argv of [
    ["--version"],
    ["--help"],
    ["config", "explain", "--data", join(cwd, "d")],
    ["api", "openapi"],
  ]) {
    const shown = await run(argv, { cwd });
    expect({ argv, code: shown.code, stderr: shown.stderr }).toEqual({ argv, code: 0, stderr: "" });
    expect(shown.stdout).not.toContain("PWNED");
    expect(shown.stdout).not.toContain("6.6.6");
    expect(shown.stdout).not.toContain("environment OPERONE_HTTP_PORT");
  }
});

test("a node that is started in a hostile folder runs none of it, and gives none of it to its children", async () => {
  const cwd = hostileFolder();
  const node = await startNode({ cwd });
  const ran = await node.run(["shell", "run", "--profile", "unconfined", "--", "env"], { cwd });
  expect(ran.code).toBe(0);
  expect(ran.stdout + ran.stderr + node.errors()).not.toContain("PWNED");
  expect(await node.stop()).toBe(0);
  expect(node.errors()).not.toContain("PWNED");
});

test("children get no variable that Bun or Node obeys", async () => {
  const env = {
    BUN_OPTIONS: "--smol",
    BUN_INSPECT: "0",
    BUN_CONFIG_VERBOSE_FETCH: "1",
    NODE_OPTIONS: "--no-warnings",
    NODE_PATH: "/PWNED",
    NODE_EXTRA_CA_CERTS: "/PWNED",
  };
  const node = await startNode({ env });
  const ran = await node.run(["shell", "run", "--profile", "unconfined", "--", "env"]);
  expect(ran.stdout).toContain("PATH=");
  expect(ran.stdout).not.toMatch(/^(BUN|NODE)_/m);
  await node.stop();
});

test("what BUN_OPTIONS preloads into the program that starts is not in the node", async () => {
  const cwd = hostileFolder();
  const marker = `${shout}setInterval(() => console.error("PWNED again"), 20).unref?.();\n`;
  writeFileSync(join(cwd, "evil.ts"), marker);
  const log = join(cwd, "preloads");
  writeFileSync(
    join(cwd, "count.js"),
    `require("fs").appendFileSync(${JSON.stringify(log)}, process.pid + "\\n");\n`,
  );
  const node = await startNode({ cwd, env: { BUN_OPTIONS: `--preload=${join(cwd, "count.js")}` } });
  // Bun obeys the variable before any code of ours runs; then the program starts anew without it.
  const environ = await node.run([
    "shell",
    "run",
    "--profile",
    "unconfined",
    "--",
    "cat",
    `/proc/${node.welcome.pid}/environ`,
  ]);
  expect(environ.code).toBe(0);
  expect(environ.stdout).toContain("PATH=");
  expect(environ.stdout).not.toContain("BUN_OPTIONS");
  expect((await Bun.file(log).text()).trim().split("\n")).toEqual([String(node.welcome.pid)]);
  await node.stop();
});

test("BUN_INSPECT opens no debugger on the node, in the foreground or the background", async () => {
  const env = { BUN_INSPECT: "ws://127.0.0.1:0/debug" };
  const node = await startNode({ env });
  const listening = await node.run([
    "shell",
    "run",
    "--profile",
    "unconfined",
    "--",
    "cat",
    `/proc/${node.welcome.pid}/net/tcp`,
  ]);
  expect(listening.code).toBe(0);
  const own = Number(new URL(node.address).port).toString(16).toUpperCase().padStart(4, "0");
  const inodes = await socketInodes(node.welcome.pid);
  const listeners = listening.stdout
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A" && inodes.has(fields[9] ?? ""))
    .map((fields) => (fields[1] ?? "").split(":")[1]);
  expect(listeners).toEqual([own]);
  await node.stop();
  const directory = join(folder(), "d");
  expect((await run(["up", "--detach", "--data", directory, "--set", "http.port=0"], { env })).code).toBe(0);
  const { pid } = await Bun.file(join(directory, "running.json")).json();
  expect(await Bun.file(`/proc/${pid}/environ`).text()).not.toContain("BUN_INSPECT");
  await run(["down", "--data", directory]);
});

async function socketInodes(pid: number): Promise<ReadonlySet<string>> {
  const listed = Bun.spawnSync(["ls", "-l", `/proc/${pid}/fd`]).stdout.toString();
  return new Set([...listed.matchAll(/socket:\[(\d+)\]/g)].map((match) => match[1] ?? ""));
}
