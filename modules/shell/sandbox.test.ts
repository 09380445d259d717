import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Child, Processes, SpawnOptions } from "../../src/kernel/ports.ts";
import { confinementOf, Sandbox } from "./sandbox.ts";

const limits = {
  cpuSecondsMax: 1,
  memoryBytesMax: 2,
  processesMax: 3,
  openFilesMax: 4,
  fileBytesMax: 5,
  diskBytesMax: 7,
  scratchBytesMax: 6,
};

let folder = "";
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-box-")));
  mkdirSync(join(folder, "work"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A launcher that answers each start with the next of these reports; "" has started, and undefined says nothing. */
function scripted(...reports: readonly (string | undefined)[]) {
  const started: SpawnOptions[] = [];
  const killed: unknown[] = [];
  const spawn = (options: SpawnOptions): Child => {
    const report = reports[started.push(options) - 1];
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    async function* said() {
      if (report === undefined) await ended;
      else if (report !== "") yield new TextEncoder().encode(report);
    }
    async function* nothing(): AsyncGenerator<Uint8Array> {}
    return {
      pid: 1,
      stdout: nothing(),
      stderr: nothing(),
      report: said(),
      writeStdin: async () => {},
      closeStdin() {},
      kill: (signal) => {
        killed.push(signal);
        end();
        return true;
      },
      exited: Promise.resolve({ code: report === "" || report === "locked\n" ? 0 : 125, signal: null }),
    };
  };
  const processes: Processes = { spawn, cleanEnvironment: () => ({}), endLeftovers: async () => 0 };
  const install = async () => ({ path: "/data/shell/launcher" });
  const ports = {
    processes,
    dataDirectory: join(folder, "data"),
    home: "/home/me",
    install,
    bubblewrap: null,
  };
  return { sandbox: new Sandbox(ports, limits), ports, started, killed };
}

const command = { argv: ["true"], environment: {}, stdin: "none" } as const;
const inWork = () =>
  confinementOf({
    profile: "workspace",
    network: "none",
    workspace: join(folder, "work"),
    workingDirectory: "~",
  });
const never = () => new AbortController().signal;
const said = (stage: string, code: keyof typeof constants.errno, subject = "x") =>
  `${stage}\n${constants.errno[code]}\n${subject}`;

test("a machine is tried once, by running a command, and then every command is confined by the launcher", async () => {
  const { sandbox, started } = scripted("", "", "");
  await sandbox.start(command, inWork(), never());
  await sandbox.start(command, inWork(), never());
  expect(started.length).toBe(3);
  for (const { argv, report, workingDirectory } of started) {
    expect([argv[0], report, workingDirectory]).toEqual(["/data/shell/launcher", true, "/"]);
    expect(argv.slice(-2)).toEqual(["--", "true"]);
  }
});

test("a machine that cannot is told with the fix, asked again later, and no command runs on it", async () => {
  const { sandbox, started } = scripted(said("namespaces", "EPERM", "clone"), said("lock", "ENOSYS"), "", "");
  await expect(sandbox.start(command, inWork(), never())).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("allow user namespaces"),
  });
  expect(await sandbox.tier()).toMatchObject({ ready: false, why: expect.stringContaining("ENOSYS") });
  await sandbox.start(command, inWork(), never());
  // Each time the trial alone ran, until one went well.
  expect(started.length).toBe(4);
});

test("where the node has control groups, each command gets one, and it goes with the command", async () => {
  const scriptedOne = scripted("", said("exec", "ENOENT"));
  const removed: string[] = [];
  let count = 0;
  const groups = {
    create() {
      const path = `/groups/${++count}`;
      return { path, outOfMemory: () => false, remove: () => void removed.push(path) };
    },
  };
  const sandbox = new Sandbox({ ...scriptedOne.ports, groups }, limits);
  await expect(sandbox.start(command, inWork(), never())).rejects.toThrow();
  const joined = scriptedOne.started.map(({ argv }) => argv[argv.indexOf("--group") + 1]);
  expect([joined, removed]).toEqual([
    ["/groups/1", "/groups/2"],
    ["/groups/1", "/groups/2"],
  ]);
});

test("a command that its group ended for want of memory has reached that limit", async () => {
  const { ports } = scripted("", "");
  const groups = { create: () => ({ path: "/groups/1", outOfMemory: () => true, remove() {} }) };
  const { child, limitReached } = await new Sandbox({ ...ports, groups }, limits).start(
    command,
    inWork(),
    never(),
  );
  expect(limitReached(await child.exited)).toBe("memory_limit");
});

test("the best tier that works is taken, and why no better one does is known", async () => {
  const { ports, started } = scripted(said("namespaces", "EPERM", "clone"), "locked\n", "locked\n");
  const sandbox = new Sandbox({ ...ports, bubblewrap: "/usr/bin/bwrap" }, limits);
  expect(await sandbox.tier()).toMatchObject({
    ready: true,
    name: "bubblewrap",
    groups: undefined,
    better: [{ name: "namespaces", why: expect.stringContaining("EPERM"), fix: expect.any(String) }],
  });
  const confinement = { ...inWork(), workspace: undefined, workingDirectory: "~" };
  expect((await sandbox.start(command, confinement, never())).tier).toBe("bubblewrap");
  expect(started.map(({ argv }) => argv[0])).toEqual([
    "/data/shell/launcher",
    "/usr/bin/bwrap",
    "/usr/bin/bwrap",
  ]);
});

test("bubblewrap that fails without a word of the launcher's is no tier", async () => {
  const { ports } = scripted(said("namespaces", "EPERM"), "");
  const tier = await new Sandbox({ ...ports, bubblewrap: "/usr/bin/bwrap" }, limits).tier();
  expect(tier).toMatchObject({ ready: false, why: expect.stringContaining("bubblewrap failed") });
});

test("the degraded tier is used where the configuration allows it, and nowhere else", async () => {
  const failing = () => scripted(said("namespaces", "EPERM"), "locked\n", "locked\n");
  const refused = new Sandbox(failing().ports, limits);
  await expect(refused.start(command, inWork(), never())).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("the configuration does not allow it"),
  });
  const { ports, started } = failing();
  const sandbox = new Sandbox({ ...ports, allowDegraded: true }, limits);
  expect(await sandbox.tier()).toMatchObject({ ready: true, name: "lock" });
  const words = started[1]?.argv ?? [];
  expect(words.slice(1, 3)).toEqual(["--locked", "alone"]);
  // A folder of its own in the place of the home, which goes with it.
  expect(started[1]?.environment).toMatchObject({ HOME: expect.stringContaining("operone-command-") });
  expect(existsSync(started[1]?.environment?.HOME ?? "/")).toBe(false);
});

test("a tier that is asked for is the only one that is tried", async () => {
  const { ports, started } = scripted("locked\n");
  await new Sandbox({ ...ports, only: "lock", allowDegraded: true }, limits).tier();
  expect(started.length).toBe(1);
});

test("without a launcher nothing runs", async () => {
  const processes = systemless();
  const install = async () => ({ why: "there is none", fix: "get one" });
  const sandbox = new Sandbox(
    { processes, dataDirectory: "/data", home: "/", install, bubblewrap: null },
    limits,
  );
  await expect(sandbox.start(command, inWork(), never())).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("there is none; get one"),
  });
});

function systemless(): Processes {
  const spawn = (): never => {
    throw new Error("it must not run");
  };
  return { spawn, cleanEnvironment: () => ({}), endLeftovers: async () => 0 };
}

test("a machine on which the launcher itself cannot start is told too", async () => {
  const install = async () => ({ path: "/data/shell/launcher" });
  const sandbox = new Sandbox(
    { processes: systemless(), dataDirectory: "/data", home: "/", install, bubblewrap: null },
    limits,
  );
  expect(await sandbox.tier()).toMatchObject({ ready: false, fix: expect.stringContaining("noexec") });
});

test("what the launcher reports is the command's failure, and its child is let go", async () => {
  const { sandbox, killed } = scripted("", said("exec", "ENOENT", "nope"));
  await expect(sandbox.start(command, inWork(), never())).rejects.toMatchObject({ code: "not_found" });
  expect(killed).toContain("SIGKILL");
});

test("where an owner's files cannot be mapped the command is tried as their owner, and never as root", async () => {
  const { sandbox, started } = scripted("", said("idmap", "EINVAL", "/srv"), "");
  const started_ = sandbox.start(command, inWork(), never());
  if (process.getuid?.() === 0) {
    await expect(started_).rejects.toMatchObject({ code: "unsupported" });
    expect(started.length).toBe(2);
  } else {
    await started_;
    const words = started[2]?.argv ?? [];
    expect(words[words.indexOf("--run-as") + 2]).toBe(`${process.getuid?.()}`);
  }
});

test("a call that is cancelled while the sandbox is made ends it", async () => {
  const { sandbox, started, killed } = scripted("", undefined);
  await sandbox.tier();
  const abort = new AbortController();
  const starting = sandbox.start(command, inWork(), abort.signal);
  while (started.length < 2) await new Promise(setImmediate);
  abort.abort(new Error("enough"));
  await expect(starting).rejects.toThrow("enough");
  expect(killed).toContain("SIGKILL");
});

test("a sandbox that does not come about is given up in time", async () => {
  const { ports, killed } = scripted("", undefined);
  const sandbox = new Sandbox({ ...ports, startMsMax: 1 }, limits);
  await sandbox.tier();
  await expect(sandbox.start(command, inWork(), never())).rejects.toMatchObject({ code: "unavailable" });
  expect(killed.every((signal) => signal === "SIGKILL")).toBe(true);
});

test("the workspace is the working directory, and none where that is the home", () => {
  const usual = { profile: "workspace", network: "none", workspace: undefined } as const;
  expect(confinementOf({ ...usual, workingDirectory: "~" }).workspace).toBeUndefined();
  expect(confinementOf({ ...usual, workingDirectory: "/srv/a" }).workspace).toBe("/srv/a");
  const named = { ...usual, workspace: "/srv/a" };
  expect(confinementOf({ ...named, workingDirectory: "/srv/a/b" })).toMatchObject({ workspace: "/srv/a" });
  const ended = { ...usual, workspace: "/srv/a/" };
  expect(confinementOf({ ...ended, workingDirectory: "/srv/a" })).toMatchObject({
    workingDirectory: "/srv/a",
  });
  for (const workingDirectory of ["/srv", "/srv/ab", "/"]) {
    expect(() => confinementOf({ ...named, workingDirectory })).toThrow("is not in the workspace");
  }
});

test("the home in the sandbox has the path of the real one, unless the system or the node's data is there", async () => {
  const processes = systemless();
  const homes = ["/home/me", "/root", "/", "/tmp", "/usr/games", "/nonexistent", "", "/d", "/d/home"];
  const variables = homes.map((home) =>
    new Sandbox({ processes, dataDirectory: "/d", home }, limits).variables(),
  );
  expect((await Promise.all(variables)).map(({ HOME }) => HOME)).toEqual([
    "/home/me",
    "/root",
    "/home/sandbox",
    "/home/sandbox",
    "/home/sandbox",
    "/nonexistent",
    "/home/sandbox",
    "/home/sandbox",
    "/home/sandbox",
  ]);
});
