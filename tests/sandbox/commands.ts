/** What commands in a sandbox can and cannot rely on; the same for every account. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../shell/processes.ts";
import type { Ending, Job } from "./runner.ts";
import { ownPaths, type Stage } from "./stage.ts";

const sh = (script: string): readonly string[] => ["sh", "-c", script];

async function one(stage: Stage, job: Partial<Job> & Pick<Job, "argv">): Promise<Ending> {
  const argv = job.argv.map(stage.fill);
  const [ending] = await stage.run([{ profile: "workspace", workspace: stage.workspace, ...job, argv }]);
  if (ending === undefined) throw new Error("the runner said nothing");
  return ending;
}

/** Processes of the host with this word among theirs, and how they started: a launcher, or the command itself. */
function processesWith(word: string): { readonly pid: number; readonly launcher: boolean }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
        if (!words.includes(word)) return [];
        return [{ pid: Number(name), launcher: words[0]?.endsWith("/launcher") === true }];
      } catch {
        return [];
      }
    });
}

export function commandsWork(stage: () => Stage): void {
  test("a command has what programs need: the system, its workspace, and room for what it makes", async () => {
    const script =
      "cat readable && echo made >made && cat made && echo t >/tmp/t && echo h >~/h && pwd && ls /usr/bin >/dev/null && echo a | cat >/dev/stdout && head -c 1 /dev/urandom >/dev/null && echo $((1+1))";
    const ending = await one(stage(), { argv: sh(script) });
    expect(ending).toMatchObject({ code: 0, stderr: "" });
    expect(ending.stdout).toBe(`hellomade\n${stage().workspace}\na\n2\n`);
    expect(readFileSync(join(stage().workspace, "made"), "utf8")).toBe("made\n");
    expect(readdirSync(stage().home)).toEqual([".ssh"]);
  });

  test("without a workspace a command has an empty home, and nothing of the host's", async () => {
    const [ending] = await stage().run([{ argv: sh("pwd; ls -A | wc -l"), profile: "workspace" }]);
    expect(ending?.stdout).toBe(`${stage().home}\n0\n`);
  });

  test("a command ends as it ended: with its code, or by its signal", async () => {
    const scripts = ["exit 0", "exit 7", "exit 125", "kill -TERM $$", "kill -KILL $$", "kill -HUP $$"];
    const jobs = scripts.map((script) => ({ argv: sh(script), profile: "workspace" }) as const);
    expect((await stage().run(jobs)).map(({ code, signal }) => code ?? signal)).toEqual([
      0,
      7,
      125,
      "SIGTERM",
      "SIGKILL",
      "SIGHUP",
    ]);
  });
}

export function profilesGive(stage: () => Stage): void {
  test("a profile's paths are there as it says, and nothing around them", async () => {
    const { folder } = stage();
    const paths = ownPaths(stage());
    const script =
      "cat {S}/extra/readable {S}/out/there; echo x >{S}/out/made; ls -A {S}; ls {W}/covered/deep || exit 8";
    const ending = await one(stage(), { argv: sh(script), paths });
    expect(ending).toMatchObject({ code: 8, stdout: "extrathereextra\nhome\nout\nwork\n" });
    // On the host it is the owner's of the folder, whoever the command was.
    const facts = [statSync(join(folder, "out/made")).uid, statSync(join(folder, "out")).uid];
    expect(facts[0]).toBe(facts[1]);
    expect(readFileSync(join(folder, "out/made"), "utf8")).toBe("x\n");
  });

  test("a path that lies in another counts for itself, and one that became a link is not followed", async () => {
    const { folder } = stage();
    const paths = { ...ownPaths(stage()), read: [join(folder, "out/still")] };
    mkdirSync(join(folder, "out/still"), { recursive: true });
    const script = sh("echo x >{S}/out/free && ! mv {S}/out/still {S}/out/s && ! echo x >{S}/out/still/made");
    expect(await one(stage(), { argv: script, paths })).toMatchObject({ code: 0 });
    rmSync(join(folder, "out/still"), { recursive: true });
    symlinkSync(join(folder, "home"), join(folder, "out/still"));
    expect((await one(stage(), { argv: ["true"], paths })).refused).toStartWith(
      "forbidden: The profile names",
    );
    rmSync(join(folder, "out/still"));
    expect((await one(stage(), { argv: ["true"], paths })).refused).toStartWith(
      "not_found: The profile names",
    );
  });
}

export function commandsAreAlone(stage: () => Stage): void {
  test("the environment is what was given, and the first process shows none of it and none of its words", async () => {
    const environment = { MARK: "value-of-mark" };
    const script = "env | sort; tr -d '\\0' </proc/1/cmdline | wc -c; cat /proc/1/environ | wc -c";
    const ending = await one(stage(), { argv: sh(script), environment });
    const names = ending.stdout.match(/^[A-Z]\w*(?==)/gm) ?? [];
    expect(names.filter((name) => !/^(LANG|LC_\w+|TZ|PWD)$/.test(name))).toEqual([
      "HOME",
      "LOGNAME",
      "MARK",
      "PATH",
      "TMPDIR",
      "USER",
    ]);
    expect(ending.stdout).toEndWith("0\n0\n");
  });

  test("a crash leaves no core, and starts no program of the host that reads one", async () => {
    const ending = await one(stage(), { argv: sh("sed -n 's/^Max core file size *//p' /proc/self/limits") });
    // A limit of 1 says both; 0 is what whoever started the node may have left.
    expect(ending.stdout).toMatch(/^([01]) +\1 /);
  });

  test("what could not start is told apart from what ended with the same code", async () => {
    const folder = stage().workspace;
    writeFileSync(join(folder, "not-executable"), "#!/bin/sh\n");
    writeFileSync(join(folder, "no-program"), "\0\0\0\0", { mode: 0o755 });
    expect((await one(stage(), { argv: ["no-such-program"] })).refused).toStartWith(
      "not_found: Could not start",
    );
    expect((await one(stage(), { argv: ["./not-executable"] })).refused).toStartWith(
      "forbidden: Could not start",
    );
    const missing = await one(stage(), { argv: ["true"], workingDirectory: join(folder, "missing") });
    expect(missing.refused).toStartWith("not_found: The working directory");
  });

  test("the network none has a loopback of its own, and full reaches ports but no abstract sockets", async () => {
    const own = await one(stage(), { argv: sh("tail -n +3 /proc/net/dev | cut -d: -f1") });
    expect(own.stdout.trim()).toBe("lo");
    expect(await one(stage(), { argv: ["{A}", "port", "{PORT}"], network: "full" })).toMatchObject({
      code: 0,
    });
    const abstract = await one(stage(), { argv: ["{A}", "abstract socket", "{ABSTRACT}"], network: "full" });
    expect(abstract).toMatchObject({ code: 10 });
  });
}

export function commandsEnd(stage: () => Stage): void {
  const mark = () => `1000${Math.floor(Math.random() * 1e9)}`;

  test("nothing outlives the command, however far it went away", async () => {
    const seconds = mark();
    const script = `setsid sleep ${seconds} & (setsid sh -c 'sleep ${seconds} & sleep ${seconds}' &) ; exit 3`;
    expect(await one(stage(), { argv: sh(script) })).toMatchObject({ code: 3 });
    expect(processesWith(seconds)).toEqual([]);
  });

  for (const killed of ["launcher", "node"] as const) {
    test(`kill -9 of the ${killed} leaves nothing of the command`, async () => {
      const seconds = mark();
      const argv = ["sh", "-c", `setsid sleep ${seconds} & exec sleep "$0"`, seconds];
      const node = stage().start([{ argv, profile: "workspace", workspace: stage().workspace }]);
      const sleeping = () => processesWith(seconds).filter(({ launcher }) => !launcher);
      await until(() => sleeping().length === 2);
      if (killed === "node") node.kill();
      else process.kill(processesWith(seconds).find(({ launcher }) => launcher)?.pid ?? 0, "SIGKILL");
      await until(() => processesWith(seconds).length === 0);
      node.kill();
    });
  }
}

export function workspacesAreChecked(stage: () => Stage): void {
  test("a workspace that is a link, relative, the system, a home or the node's own is refused with the reason", async () => {
    const { folder, workspace, home, dataDirectory } = stage();
    const link = join(folder, "work-link");
    symlinkSync(workspace, link);
    mkdirSync(join(workspace, ".hidden"), { recursive: true });
    const refusals: readonly (readonly [string, string])[] = [
      ["/", "the whole system"],
      ["relative/path", "no absolute path"],
      [link, "really"],
      [`${workspace}/../work`, "really"],
      [`${workspace}/readable`, "no directory"],
      ["/etc", "/etc belongs to the system"],
      ["/usr/lib", "/usr belongs to the system"],
      ["/var/lib", "/var belongs to the system"],
      ["/proc/self", "really"],
      ["/tmp", "shared by all"],
      [home, "a home directory"],
      [folder, "a home directory"],
      [`${workspace}/.hidden`, '".hidden" is a hidden folder'],
      [dataDirectory, "data directory of this node"],
      [`${dataDirectory}/shell`, "data directory of this node"],
    ];
    const jobs = refusals.map(
      ([path]) => ({ argv: ["true"], profile: "workspace", workspace: path }) as const,
    );
    const endings = await stage().run(jobs);
    for (const [at, [path, reason]] of refusals.entries()) {
      expect([path, endings[at]?.refused]).toEqual([path, expect.stringContaining(reason)]);
      expect(endings[at]?.refused).toStartWith("invalid_input");
    }
    const gone = await one(stage(), { argv: ["true"], workspace: `${workspace}/gone` });
    expect(gone.refused).toStartWith("not_found");
  });

  test("a repository without hooks gets none, and one in another place or behind a link is not let go", async () => {
    const git = join(stage().workspace, ".git");
    rmSync(join(git, "hooks"), { recursive: true });
    const planted = await one(stage(), { argv: sh("mkdir -p .git/hooks; echo x >.git/hooks/post-commit") });
    expect(planted.code).not.toBe(0);
    expect(readdirSync(join(git, "hooks"))).toEqual([]);
    rmSync(git, { recursive: true });
    writeFileSync(git, "gitdir: /elsewhere\n");
    expect((await one(stage(), { argv: sh("echo gitdir: /tmp/evil >.git") })).code).not.toBe(0);
    expect((await one(stage(), { argv: sh("rm .git") })).code).not.toBe(0);
    rmSync(git);
    symlinkSync(join(stage().workspace, "deep"), git);
    expect((await one(stage(), { argv: ["true"] })).refused).toContain("cannot be protected");
    expect((await one(stage(), { argv: ["true"], profile: "read-only" })).code).toBe(0);
    expect(statSync(git).isDirectory()).toBe(true);
    rmSync(git);
  });
}
