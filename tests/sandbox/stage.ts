/** A folder with all that a command must not get, a workspace in it, and who stands around it. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { ProfilePaths } from "../../modules/shell/profile-paths.ts";
import type { TierName } from "../../modules/shell/tier.ts";
import { builtLauncher, builtProgram } from "../../src/platform/launcher-build.ts";
import { attemptLimits } from "./attempts.ts";
import type { Ending, Job, Orders } from "./runner.ts";

const root = join(import.meta.dir, "../..");

/** Bounds that no test comes near. */
export const roomyLimits: Orders["limits"] = {
  cpuSecondsMax: 600,
  memoryBytesMax: 2 ** 33,
  processesMax: 500,
  openFilesMax: 1_000,
  fileBytesMax: 2 ** 30,
  diskBytesMax: 2 ** 40,
  scratchBytesMax: 2 ** 26,
};

/** Who runs the commands: root itself, or an ordinary user. */
export type Account = "root" | "ordinary";

/** A user that no system has; for a test that is not root, the one who runs it. */
const ordinaryId = process.getuid?.() === 0 ? 54_321 : (process.getuid?.() ?? 0);

export interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly workspace: string;
  readonly home: string;
  readonly dataDirectory: string;
  /** Puts what {W} and the others mean into a word. */
  fill(word: string): string;
  run(jobs: readonly Job[]): Promise<readonly Ending[]>;
  /** The same, running: to be ended by whoever started it. */
  start(jobs: readonly Job[]): { readonly pid: number; kill(): void };
}

export async function stageFor(
  account: Account,
  limits: Orders["limits"] = attemptLimits,
  tier?: TierName,
  names?: Orders["names"],
): Promise<Stage> {
  const folder = realpathSync(mkdtempSync("/var/tmp/operone-sandbox-"));
  const workspace = join(folder, "work");
  const home = join(folder, "home");
  // Landlock alone cannot hide a part of what it gives.
  const dataDirectory = tier === "lock" ? join(folder, "data") : join(workspace, "deep/data");
  fillFolder(folder, workspace, home, dataDirectory);
  await buildPrograms(folder, workspace);
  // The other tiers cannot show root's files as another's.
  own(folder, tier === undefined || tier === "namespaces" ? account : "ordinary");
  const prefix = account === "root" || process.getuid?.() !== 0 ? [] : asOrdinary;
  const runner = [...prefix, join(folder, "bun"), join(folder, "runner.js")];
  const others = await Others.gather(dataDirectory, [...prefix, "sh", "-c", "read x", folder], account);
  const words: Readonly<Record<string, string>> = {
    W: workspace,
    S: folder,
    H: home,
    D: dataDirectory,
    A: join(workspace, "attempt"),
    ...others.names,
  };
  const fill = (word: string) => word.replaceAll(/\{([A-Z]+)\}/g, (_, name: string) => words[name] ?? name);
  const spawn = (jobs: readonly Job[], stdout: "pipe" | "ignore") => {
    const orders = { home, dataDirectory, limits, jobs, tier, names };
    return Bun.spawn(runner, {
      cwd: "/",
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: "/tmp" },
      stdio: [Buffer.from(JSON.stringify(orders)), stdout, "inherit"],
    });
  };
  return {
    folder,
    workspace,
    home,
    dataDirectory,
    fill,
    async run(jobs) {
      const child = spawn(jobs, "pipe");
      const lines = (await new Response(child.stdout as ReadableStream).text()).trim().split("\n");
      if ((await child.exited) !== 0) throw new Error(`the runner failed: ${lines.join("\n")}`);
      return lines.map((line) => JSON.parse(line));
    },
    start(jobs) {
      const child = spawn(jobs, "ignore");
      return { pid: child.pid, kill: () => child.kill("SIGKILL") };
    },
    async [Symbol.asyncDispose]() {
      await others.leave();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A profile of the owner's: a folder to be read, one to be written, and one of the workspace that is hidden. */
export const ownPaths = ({ folder, workspace }: Pick<Stage, "folder" | "workspace">): ProfilePaths => ({
  read: [join(folder, "extra")],
  write: [join(folder, "out")],
  hide: [join(workspace, "covered/deep")],
});

const asOrdinary = ["setpriv", `--reuid=${ordinaryId}`, `--regid=${ordinaryId}`, "--clear-groups"];

function fillFolder(folder: string, workspace: string, home: string, dataDirectory: string): void {
  const files: Readonly<Record<string, string>> = {
    [join(folder, "secret")]: "secret",
    [join(folder, "movable")]: "secret",
    [join(folder, "removable")]: "",
    [join(folder, "victim")]: "as it was",
    [join(home, ".ssh/id")]: "secret",
    [join(dataDirectory, "node.key")]: "secret",
    [join(folder, "extra/readable")]: "extra",
    [join(folder, "out/there")]: "there",
    [join(workspace, "covered/deep/secret")]: "secret",
    [join(workspace, "readable")]: "hello",
    [join(workspace, ".git/config")]: "[core]\n",
    [join(workspace, ".git/hooks/pre-commit")]: "#!/bin/sh\n",
    [join(workspace, ".bashrc")]: "true\n",
    [join(workspace, ".vscode/settings.json")]: "{}",
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  symlinkSync(join(folder, "secret"), join(workspace, "link"));
  symlinkSync(join(folder, "victim"), join(workspace, "victim-link"));
}

/** The programs for the stage, so that a user who may not read this folder can run them. */
async function buildPrograms(folder: string, workspace: string): Promise<void> {
  const cpu = process.arch === "arm64" ? "arm64" : "x64";
  const launcher = builtLauncher(root, cpu);
  const attempt = builtProgram(root, "tests/sandbox/attempt", cpu);
  for (const built of [launcher, attempt]) if ("why" in built) throw new Error(built.why);
  if ("file" in attempt) copyFileSync(attempt.file, join(workspace, "attempt"));
  chmodSync(join(workspace, "attempt"), 0o755);
  copyFileSync(process.execPath, join(folder, "bun"));
  chmodSync(join(folder, "bun"), 0o755);
  const bytes = "file" in launcher ? await Bun.file(launcher.file).bytes() : new Uint8Array();
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, "runner.ts")],
    target: "bun",
    define: { OPERONE_LAUNCHER: JSON.stringify(Bun.gzipSync(bytes).toBase64()) },
  });
  for (const output of built.outputs) await Bun.write(join(folder, "runner.js"), output);
}

function own(folder: string, account: Account): void {
  chmodSync(folder, 0o700);
  if (account === "root" || process.getuid?.() !== 0) return;
  const give = (path: string) => {
    chownSync(path, ordinaryId, ordinaryId);
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) give(inner);
      else if (!entry.isSymbolicLink()) chownSync(inner, ordinaryId, ordinaryId);
    }
  };
  give(folder);
}

let stages = 0;

/** A process, a port, two sockets and a piece of memory of the same user, outside of the sandbox. */
class Others {
  readonly names: Readonly<Record<string, string>>;
  readonly leave: () => Promise<void>;

  private constructor(names: Readonly<Record<string, string>>, leave: () => Promise<void>) {
    this.names = names;
    this.leave = leave;
  }

  static async gather(dataDirectory: string, argv: readonly string[], account: Account): Promise<Others> {
    const socket = {
      data() {},
      open(one: { end(): void }) {
        one.end();
      },
    };
    stages += 1;
    const abstractName = `operone-${process.pid}-${account}-${stages}`;
    const port = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
    const listeners = [
      port,
      Bun.listen({ unix: `\0${abstractName}`, socket }),
      Bun.listen({ unix: join(dataDirectory, "operone.sock"), socket }),
    ];
    chmodSync(join(dataDirectory, "operone.sock"), 0o777);
    const desktop = Desktop.open(abstractName, socket);
    const waiting = Bun.spawn([...argv], { cwd: "/", stdio: ["pipe", "ignore", "ignore"] });
    const memory = /\d+/.exec(await Bun.$`ipcmk -M 4096 -p 0666`.quiet().nothrow().text())?.[0] ?? "0";
    const names = {
      PORT: `${port.port}`,
      ABSTRACT: abstractName,
      SHM: memory,
      PID: `${waiting.pid}`,
      ...desktop.names,
    };
    return new Others(names, async () => {
      for (const listener of listeners) listener.stop(true);
      desktop.close();
      waiting.kill("SIGKILL");
      await waiting.exited;
      await Bun.$`ipcrm -m ${memory}`.quiet().nothrow();
    });
  }
}

/** Where the programs of a person's desktop meet: a display, a bus, and memory that they share. */
class Desktop {
  readonly names: Readonly<Record<string, string>>;
  readonly close: () => void;

  private constructor(names: Readonly<Record<string, string>>, close: () => void) {
    this.names = names;
    this.close = close;
  }

  static open(name: string, socket: Bun.SocketHandler): Desktop {
    mkdirSync("/tmp/.X11-unix", { recursive: true, mode: 0o1777 });
    const display = `/tmp/.X11-unix/X-${name}`;
    const runtime = mkdtempSync("/var/tmp/operone-run-");
    chmodSync(runtime, 0o755);
    const bus = join(runtime, "bus");
    const listeners = [display, `\0${display}`, bus].map((unix) => Bun.listen({ unix, socket }));
    for (const path of [display, bus]) chmodSync(path, 0o777);
    const memory = `/dev/shm/${name}`;
    writeFileSync(memory, "secret", { mode: 0o644 });
    return new Desktop({ X: display, BUS: bus, MEMORY: memory }, () => {
      for (const listener of listeners) listener.stop(true);
      for (const path of [display, memory, runtime]) rmSync(path, { recursive: true, force: true });
    });
  }
}
