import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

let folder = "";
let path = "";

/** A project of its own: nothing to install, and a check that does what its first argument says. */
const check = `
  const [what] = process.argv.slice(2);
  if (what === "exit") process.exit(7);
  if (what === "die") process.kill(process.pid, "SIGKILL");
  process.on("SIGTERM", () => { console.log("asked to stop"); process.exit(3); });
  console.log("ready");
  setInterval(() => {}, 1000);
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "boot-"));
  const inside = (file: string): string => join(folder, file);
  for (const name of ["scripts", "node_modules", "bin"]) await mkdir(inside(name));
  const manifest = JSON.stringify({ type: "module", devDependencies: { bun: Bun.version } });
  await writeFile(inside("package.json"), manifest);
  await writeFile(inside("bun.lock"), "{}");
  await copyFile(resolve(import.meta.dir, "../scripts/bootstrap.mjs"), inside("scripts/bootstrap.mjs"));
  await writeFile(inside("scripts/check.ts"), check);
  const hash = createHash("sha256")
    .update(`${process.platform} ${process.arch}\n${manifest}{}`)
    .digest("hex");
  await writeFile(inside("node_modules/.operone-installed"), `all ${hash}\n`);
  await symlink(process.execPath, inside("bin/bun"));
  path = inside("bin");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** A Node that is one: `bun run` puts itself into the PATH under that name where there is none. */
function realNode(): string | null {
  const found = Bun.which("node");
  if (found === null) return null;
  const asked = Bun.spawnSync([found, "-p", "process.versions.bun === undefined"]);
  return asked.stdout.toString().trim() === "true" ? found : null;
}

const node = realNode();
const runtimes = [["Bun", process.execPath], ...(node === null ? [] : [["Node", node]])];

describe.each(runtimes)("on %s, with everything installed", (_, runtime = "") => {
  const start = (...args: string[]) =>
    Bun.spawn([runtime, join(folder, "scripts/bootstrap.mjs"), ...args], {
      cwd: folder,
      env: { PATH: path },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });

  test("the exit code passes through, and nothing is installed or said", async () => {
    const child = start("test", "exit");
    expect(await child.exited).toBe(7);
    expect(await child.stderr.text()).toBe("");
  });

  test("an end by a signal passes through", async () => {
    const child = start("test", "die");
    await child.exited;
    expect(child.signalCode ?? child.exitCode).toBe("SIGKILL");
  });

  test("a signal reaches the task, and its own end is the end", async () => {
    const child = start("test", "wait");
    let output = "";
    for await (const chunk of child.stdout) {
      const first = output === "";
      output += new TextDecoder().decode(chunk);
      if (first) child.kill("SIGTERM");
    }
    expect(output).toBe("ready\nasked to stop\n");
    expect(await child.exited).toBe(3);
  });

  test("an unknown task is refused with the ones there are", async () => {
    const child = start("tset");
    expect(await child.exited).toBe(1);
    expect(await child.stderr.text()).toBe(
      'operone: "tset" is not a task; use one of: start, test, build, docs, bench.\n',
    );
  });
});

test.each(node === null ? [] : [node])(
  "%s alone, without npm and the pinned Bun, names what is missing",
  async (node) => {
    const bare = await mkdtemp(join(tmpdir(), "bare-"));
    await mkdir(join(bare, "scripts"));
    await copyFile(join(folder, "scripts/bootstrap.mjs"), join(bare, "scripts/bootstrap.mjs"));
    await writeFile(join(bare, "package.json"), '{ "devDependencies": { "bun": "0.0.1" } }');
    const run = Bun.spawnSync([node, "scripts/bootstrap.mjs", "start"], { cwd: bare, env: { PATH: bare } });
    expect(run.exitCode).toBe(1);
    expect(run.stderr.toString()).toContain('"npm" is not on the PATH');
    expect(run.stderr.toString()).toContain("Install Node 20 with npm, or Bun");
    await rm(bare, { recursive: true, force: true });
  },
);
