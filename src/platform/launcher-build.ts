/** Compiles the sandbox launcher, for the build and for runs from source. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export type LauncherCpu = "x64" | "arm64";

const triples: Readonly<Record<LauncherCpu, string>> = { x64: "x86_64", arm64: "aarch64" };

/** Debian's names of what compiles for a CPU. */
const packages: Readonly<Record<LauncherCpu, string>> = {
  x64: "gcc musl-tools",
  arm64: process.arch === "arm64" ? "gcc musl-tools" : "gcc-aarch64-linux-gnu musl-dev:arm64",
};

const flags = ["-std=c11", "-Os", "-static", "-s", "-Wall", "-Wextra", "-Werror", "-fstack-protector-strong"];

const compileMsMax = 60_000;

export type Built = { readonly file: string } | { readonly why: string };

/** @returns the file with the launcher, or why there is none and what to install */
export function builtLauncher(root: string, cpu: LauncherCpu): Built {
  return builtProgram(root, "modules/shell/launcher", cpu);
}

/** The same of any folder with sources in C. What was built from the same sources is not built again. */
export function builtProgram(root: string, folder: string, cpu: LauncherCpu): Built {
  const sources = join(root, folder);
  const names = readdirSync(sources).sort();
  const hash = new Bun.CryptoHasher("sha256").update(flags.join(" "));
  for (const name of names) hash.update(`${name}\n`).update(readFileSync(join(sources, name)));
  const file = join(
    root,
    ".toolchain/programs",
    `${basename(folder)}-${cpu}-${hash.digest("hex").slice(0, 16)}`,
  );
  if (existsSync(file)) return { file };
  const compiler = compilerFor(cpu);
  if (compiler === undefined) {
    return {
      why: `no C compiler with musl for ${cpu} is installed (Debian: apt-get install ${packages[cpu]})`,
    };
  }
  mkdirSync(dirname(file), { recursive: true });
  // Under a name of its own first: two may build at once, and half a file must not be taken for the whole.
  const draft = `${file}.${process.pid}`;
  const inputs = names.filter((name) => name.endsWith(".c"));
  const done = Bun.spawnSync([...compiler, ...flags, "-Wl,--build-id=none", "-o", draft, ...inputs], {
    cwd: sources,
    stdio: ["ignore", "ignore", "pipe"],
    timeout: compileMsMax,
  });
  if (done.exitCode !== 0) return { why: `${compiler[0]} could not compile ${folder}: ${done.stderr}` };
  renameSync(draft, file);
  return { file };
}

function compilerFor(cpu: LauncherCpu): readonly string[] | undefined {
  const triple = triples[cpu];
  const gnu = `${triple}-linux-gnu-gcc`;
  const specs = `/usr/lib/${triple}-linux-musl/musl-gcc.specs`;
  if (Bun.which(gnu) !== null && existsSync(specs)) return [gnu, "-specs", specs];
  const own = process.arch === cpu ? ["musl-gcc"] : [];
  const found = [`${triple}-linux-musl-gcc`, ...own].find((name) => Bun.which(name) !== null);
  return found === undefined ? undefined : [found];
}
