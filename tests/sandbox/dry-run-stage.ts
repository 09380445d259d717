/** A workspace, and a node beside it that runs as root or as an ordinary user. */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Applied, Change, DryRun, DryRunView } from "../../modules/shell/dry-run-shapes.ts";
import type { CommandExit } from "../../modules/shell/shapes.ts";
import type { GrantSet } from "../../src/kernel/authority.ts";
import type { ErrorBody } from "../../src/kernel/error.ts";
import { builtLauncher } from "../../src/platform/launcher-build.ts";
import type { Account } from "./stage.ts";

export interface Asked {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** A token of this name. Absent: the owner. */
  readonly as?: string;
  readonly sets?: readonly GrantSet[];
  /** A file for which stdin waits: its end comes when that is there. */
  readonly stdinUntil?: string;
}

export type Told =
  | { readonly value: unknown }
  | { readonly items: readonly unknown[] }
  | { readonly error: ErrorBody };

export interface DryRunOutcome {
  readonly stdout: string;
  readonly changes: readonly Change[];
  readonly dryRun: DryRun;
  readonly exit: CommandExit;
}

const root = join(import.meta.dir, "../..");
const mine = process.getuid?.() ?? 0;
/** A user that no system has; for a test that is not root, the one who runs it. */
const ordinaryId = mine === 0 ? 54_321 : mine;

export class DryRunStage implements AsyncDisposable {
  readonly folder: string;
  readonly dataDirectory: string;
  readonly #account: Account;
  readonly #config: Readonly<Record<string, number>>;
  #node: ReturnType<DryRunStage["spawn"]> | undefined;
  #answers: AsyncIterator<string> | undefined;
  #workspaces = 0;

  private constructor(account: Account, config: Readonly<Record<string, number>>) {
    this.folder = realpathSync(mkdtempSync("/var/tmp/operone-dry-run-"));
    this.dataDirectory = join(this.folder, "data");
    this.#account = account;
    this.#config = config;
  }

  static async for(
    account: Account,
    config: Readonly<Record<string, number>> = {},
    inMemory = false,
  ): Promise<DryRunStage> {
    const stage = new DryRunStage(account, { sandboxMemoryBytesMax: 2 ** 32, ...config });
    const cpu = process.arch === "arm64" ? "arm64" : "x64";
    const launcher = builtLauncher(root, cpu);
    if ("why" in launcher) throw new Error(launcher.why);
    copyFileSync(process.execPath, join(stage.folder, "bun"));
    const built = await Bun.build({
      entrypoints: [join(import.meta.dir, "dry-run-runner.ts")],
      target: "bun",
      define: {
        OPERONE_LAUNCHER: JSON.stringify(Bun.gzipSync(readFileSync(launcher.file)).toBase64()),
      },
    });
    for (const output of built.outputs) await Bun.write(join(stage.folder, "runner.js"), output);
    for (const name of ["data", "home"]) mkdirSync(join(stage.folder, name));
    if (inMemory) await Bun.$`mount -t tmpfs tmpfs ${stage.dataDirectory}`.quiet();
    chmodSync(join(stage.folder, "bun"), 0o755);
    stage.own(stage.folder);
    stage.start();
    return stage;
  }

  /** An empty workspace of the account. */
  workspace(): string {
    const path = join(this.folder, `work-${this.#workspaces++}`);
    mkdirSync(path);
    this.own(path);
    return path;
  }

  /** Gives a tree to the account. */
  own(path: string): void {
    if (this.#account === "root" || mine !== 0) return;
    Bun.spawnSync(["chown", "-hR", `${ordinaryId}:${ordinaryId}`, path]);
    chownSync(path, ordinaryId, ordinaryId);
  }

  /** What the only running dry run has written so far. */
  upper(name: string): string | undefined {
    const folder = join(this.dataDirectory, "shell/dry-runs");
    const ids = existsSync(folder) ? readdirSync(folder) : [];
    return ids.map((id) => join(folder, id, "upper", name)).find((path) => existsSync(path));
  }

  /** Runs a script for real, as the account. */
  reallyRun(script: string, cwd: string): void {
    Bun.spawnSync([...this.#prefix, "sh", "-c", script], { cwd, stdio: ["ignore", "ignore", "ignore"] });
  }

  get #prefix(): readonly string[] {
    if (this.#account === "root" || mine !== 0) return [];
    return ["setpriv", `--reuid=${ordinaryId}`, `--regid=${ordinaryId}`, "--clear-groups"];
  }

  spawn() {
    const orders = {
      home: join(this.folder, "home"),
      dataDirectory: this.dataDirectory,
      config: this.#config,
    };
    return Bun.spawn(
      [...this.#prefix, join(this.folder, "bun"), join(this.folder, "runner.js"), JSON.stringify(orders)],
      { cwd: "/", env: { PATH: process.env.PATH, HOME: orders.home }, stdio: ["pipe", "pipe", "inherit"] },
    );
  }

  start(): void {
    this.#node = this.spawn();
    const input = Readable.fromWeb(this.#node.stdout as Parameters<typeof Readable.fromWeb>[0]);
    this.#answers = createInterface({ input })[Symbol.asyncIterator]();
  }

  async kill(): Promise<void> {
    this.#node?.kill("SIGKILL");
    await this.#node?.exited;
  }

  send(asked: Asked): void {
    this.#node?.stdin.write(`${JSON.stringify(asked)}\n`);
    this.#node?.stdin.flush();
  }

  async answer(): Promise<Told> {
    const next = await this.#answers?.next();
    if (next === undefined || next.done === true) throw new Error("the node has ended");
    return JSON.parse(next.value);
  }

  async call(asked: Asked): Promise<Told> {
    this.send(asked);
    return await this.answer();
  }

  async error(asked: Asked): Promise<ErrorBody | undefined> {
    const told = await this.call(asked);
    return "error" in told ? told.error : undefined;
  }

  async run(
    script: string,
    workspace: string,
    more: Partial<Asked> & { readonly input?: Asked["input"] } = {},
  ): Promise<DryRunOutcome> {
    const told = await this.call({ ...more, ...dry(script, workspace, more.input) });
    if (!("items" in told)) throw new Error(JSON.stringify(told));
    return outcomeOf(told.items);
  }

  async apply(id: string | null, more: Partial<Asked> = {}): Promise<Applied> {
    const told = await this.call({ operation: "dry-run-apply", input: { id }, ...more });
    if (!("value" in told)) throw new Error(JSON.stringify(told));
    return told.value as Applied;
  }

  async show(id: string | null): Promise<DryRunView> {
    const told = await this.call({ operation: "dry-run-show", input: { id } });
    if (!("value" in told)) throw new Error(JSON.stringify(told));
    return told.value as DryRunView;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Bun.$`umount ${this.dataDirectory}`.quiet().nothrow();
    Bun.spawnSync(["rm", "-rf", this.folder]);
  }
}

export function dry(script: string, workspace: string, input: Asked["input"] = {}): Asked {
  const argv = ["sh", "-c", script];
  return { operation: "run", input: { argv, workspace, dryRun: true, ...input } };
}

function outcomeOf(items: readonly unknown[]): DryRunOutcome {
  const part = <T>(name: string): T[] =>
    items.flatMap((item) => {
      const value = (item as Readonly<Record<string, T>>)[name];
      return value === undefined ? [] : [value];
    });
  const [dryRun] = part<DryRun>("dryRun");
  const [exit] = part<CommandExit>("exit");
  if (dryRun === undefined || exit === undefined) throw new Error(JSON.stringify(items));
  return { stdout: part<string>("text").join(""), changes: part<Change>("change"), dryRun, exit };
}

/** Everything that can be known of a tree, a line each; with times and inodes, or without. */
export function treeText(path: string, exact: boolean): string {
  const lines: string[] = [];
  const look = (at: string, name: string) => {
    const facts = lstatSync(at, { bigint: true });
    const content = facts.isFile()
      ? new Bun.CryptoHasher("sha256").update(readFileSync(at)).digest("hex")
      : facts.isSymbolicLink()
        ? readlinkSync(at)
        : "";
    const times = exact ? ` ${facts.ino} ${facts.mtimeNs} ${facts.ctimeNs} ${facts.nlink}` : "";
    lines.push(`${name} ${facts.mode.toString(8)} ${facts.uid}:${facts.gid} ${content}${times}`);
    if (facts.isDirectory())
      for (const inner of readdirSync(at).sort()) look(join(at, inner), `${name}/${inner}`);
  };
  look(path, ".");
  return lines.join("\n");
}

/** By name: listxattr of python, where there is one; the runtime has nothing for it. */
export function attributesOf(path: string): string {
  const script =
    "import os,sys\nfor at,folders,files in os.walk(sys.argv[1]):\n for name in ['.']+folders+files:\n  p=os.path.join(at,name); x=[(n,os.getxattr(p,n,follow_symlinks=False)) for n in os.listxattr(p,follow_symlinks=False)]\n  if x: print(p,sorted(x))";
  if (Bun.which("python3") === null) return "";
  return Bun.spawnSync(["python3", "-c", script, path]).stdout.toString();
}
