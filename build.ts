/**
 * One executable per operating system and CPU.
 *
 *     bun build.ts                        this machine's, also as dist/operone
 *     bun build.ts --target linux-arm64   another machine's (may be given more than once)
 *     bun build.ts --all [--out dir]      every one, with SHA256SUMS
 *
 * The same sources and the same commit give the same bytes, wherever they are built: nothing of the building
 * machine, its paths least of all, goes into the file.
 */

import { chmod, copyFile, mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { BunPlugin } from "bun";
import { builtLauncher } from "./src/platform/launcher-build.ts";

interface Target {
  /** `<os>-<cpu>[-baseline][-musl]`, as in the file's name. */
  readonly id: string;
  readonly base: Bun.Build.CompileTarget;
}

/** Bun has no 32-bit ARM. `baseline` is for x64 CPUs without AVX2 (before 2013, and some small ones after). */
export const targets: readonly Target[] = [
  { id: "linux-x64", base: "bun-linux-x64" },
  { id: "linux-x64-musl", base: "bun-linux-x64-musl" },
  { id: "linux-x64-baseline", base: "bun-linux-x64-baseline" },
  { id: "linux-x64-baseline-musl", base: "bun-linux-x64-baseline-musl" },
  { id: "linux-arm64", base: "bun-linux-arm64" },
  { id: "linux-arm64-musl", base: "bun-linux-arm64-musl" },
  { id: "darwin-x64", base: "bun-darwin-x64" },
  { id: "darwin-arm64", base: "bun-darwin-arm64" },
  { id: "windows-x64", base: "bun-windows-x64" },
  { id: "windows-arm64", base: "bun-windows-arm64" },
];

const root = import.meta.dir;

export function fileOf(target: Target): string {
  return `operone-${target.id}${target.id.startsWith("windows") ? ".exe" : ""}`;
}

/** The target that runs on this machine: its libc is that of the running Bun, named in its ELF header. */
export async function thisMachine(): Promise<Target> {
  const os = process.platform === "win32" ? "windows" : process.platform;
  let id = `${os}-${process.arch}`;
  if (os === "linux") {
    const header = await Bun.file(process.execPath).slice(0, 4096).bytes();
    const cpu = await Bun.file("/proc/cpuinfo").text();
    if (process.arch === "x64" && !/\bavx2\b/.test(cpu)) id += "-baseline";
    if (Buffer.from(header).includes("/ld-musl-")) id += "-musl";
  }
  return named(id);
}

function named(id: string): Target {
  const target = targets.find((one) => one.id === id);
  if (target !== undefined) return target;
  const known = targets.map((one) => one.id).join(", ");
  throw new Error(`There is no target "${id}"; use one of: ${known}.`);
}

/** The commit of the checkout, marked when the files differ from it; "unknown" outside a repository. */
async function commitOf(folder: string): Promise<string> {
  const git = (...args: string[]) => Bun.$`git -C ${folder} ${args}`.quiet().nothrow().text();
  const top = (await git("rev-parse", "--show-toplevel")).trim();
  if (top === "" || resolve(top) !== resolve(folder)) return "unknown";
  const commit = (await git("rev-parse", "--short=12", "HEAD")).trim();
  const changed = (await git("status", "--porcelain")).trim() !== "";
  return `${commit}${changed ? "+changes" : ""}`;
}

/** Packages that a library loads and this program never uses, and what it finds instead. */
const absent: Readonly<Record<string, string>> = {
  // msgpackr's optional native addon looks for itself under the path of the building machine. A define below switches
  // it off; this leaves its loader, and so that path, out of the file.
  "msgpackr-extract": "export {}",
  // The ciphers in WebAssembly of libp2p's Noise, made when it is loaded: 9 MB of memory (modules/networking/noise-cipher.ts).
  "@chainsafe/as-chacha20poly1305":
    "export const newInstance = () => undefined; export class ChaCha20Poly1305 {}",
  "@chainsafe/as-sha256": "export const digest = undefined",
};

const withoutUnused: BunPlugin = {
  name: "without-unused",
  setup(build) {
    const filter = new RegExp(`^(${Object.keys(absent).join("|")})$`);
    build.onResolve({ filter }, ({ path }) => ({ path, namespace: "absent" }));
    build.onLoad({ filter: /.*/, namespace: "absent" }, ({ path }) => ({
      contents: absent[path] ?? "",
      loader: "js",
    }));
  },
};

/** Workers are entries of their own; `new Worker("./modules/<id>/<noun>.worker.ts")` finds them in the file. */
async function entrypoints(): Promise<string[]> {
  const workers = await Array.fromAsync(new Bun.Glob("{src,modules}/**/*.worker.ts").scan({ cwd: root }));
  return ["src/main.ts", ...workers.sort()].map((file) => `./${file}`);
}

/** @param entries the program first, its workers after it; relative to the root, which is the working folder */
export async function compile(
  entries: string[],
  target: Target,
  outfile: string,
  defines: Record<string, string>,
): Promise<void> {
  await Bun.build({
    entrypoints: entries,
    root: ".",
    target: "bun",
    // Halves the start of a big program; with top-level await it needs the esm format.
    bytecode: true,
    format: "esm",
    // A command loads its own code alone: without it every start pays for all of the program.
    splitting: true,
    // Names stay readable in a log's stack trace; shortening them would save 80 KB of 110 MB.
    minify: { whitespace: true, syntax: true, identifiers: false },
    sourcemap: "none",
    define: defines,
    plugins: [withoutUnused],
    compile: {
      target: target.base,
      outfile,
      // The program must never run, or be changed by, what lies in the folder it is started from.
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadPackageJson: false,
      autoloadTsconfig: false,
    },
  });
}

/**
 * The sandbox launcher for the target, gzip and base64; empty for systems that have none, and where no compiler for it
 * is installed: such a program refuses confined commands, and says why. What is released must have it.
 */
async function launcherFor(target: Target, required: boolean): Promise<string> {
  const cpu = /^linux-(x64|arm64)/.exec(target.id)?.[1];
  if (cpu === undefined) return "";
  const built = builtLauncher(root, cpu === "arm64" ? "arm64" : "x64");
  if ("file" in built) return Bun.gzipSync(await Bun.file(built.file).bytes()).toBase64();
  if (required) throw new Error(`${target.id} would have no sandbox launcher: ${built.why}`);
  console.warn(`${target.id} gets no sandbox launcher, and will refuse confined commands: ${built.why}`);
  return "";
}

async function build(target: Target, folder: string, defines: Record<string, string>): Promise<string> {
  const outfile = join(folder, fileOf(target));
  await rm(outfile, { force: true });
  await compile(await entrypoints(), target, outfile, defines);
  return outfile;
}

async function checksums(folder: string, files: string[]): Promise<void> {
  const lines: string[] = [];
  for (const file of files.sort()) {
    const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(join(folder, file)).bytes());
    lines.push(`${hash.digest("hex")}  ${file}\n`);
  }
  await Bun.write(join(folder, "SHA256SUMS"), lines.join(""));
}

async function main(argv: string[]): Promise<void> {
  const { values } = parseArgs({
    args: argv,
    options: {
      target: { type: "string", multiple: true },
      all: { type: "boolean" },
      out: { type: "string", default: "dist" },
    },
  });
  const folder = resolve(values.out);
  const here = await thisMachine();
  const chosen = values.all ? targets : (values.target?.map(named) ?? [here]);
  const { version } = await Bun.file(join(root, "package.json")).json();
  const defines = {
    OPERONE_VERSION: JSON.stringify(version),
    OPERONE_COMMIT: JSON.stringify(await commitOf(root)),
    "process.env.NODE_ENV": '"production"',
    "process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED": '"true"',
  };
  // Module names inside the file are relative to the working folder.
  process.chdir(root);
  await mkdir(folder, { recursive: true });
  for (const target of chosen) {
    const started = performance.now();
    const launcher = JSON.stringify(await launcherFor(target, values.all === true));
    const file = await build(target, folder, { ...defines, OPERONE_LAUNCHER: launcher });
    const megabytes = (Bun.file(file).size / 1e6).toFixed(1);
    console.log(`${file}  ${megabytes} MB  ${((performance.now() - started) / 1000).toFixed(1)} s`);
    if (target === here) {
      const plain = join(folder, fileOf(target).endsWith(".exe") ? "operone.exe" : "operone");
      await rm(plain, { force: true });
      await copyFile(file, plain);
      await chmod(plain, 0o755);
    }
  }
  if (values.all) await checksums(folder, chosen.map(fileOf));
}

if (import.meta.main) await main(process.argv.slice(2));
