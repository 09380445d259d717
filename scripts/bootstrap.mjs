// The way in on a fresh clone: `npm start`, `npm test`, `npm run build`, or the same with `bun run`.
//
// The only JavaScript file here, because it must run on whatever the machine has, Node 20 or any Bun, before
// the pinned Bun exists. It finds or fetches that Bun, installs the locked packages once, and hands over.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const toolchain = join(root, ".toolchain");
const bunPinned = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.bun;

const tasks = {
  start: { script: ["src/main.ts", "up"], needsDev: false },
  test: { script: ["scripts/check.ts"], needsDev: true },
  build: { script: ["build.ts"], needsDev: false },
  docs: { script: ["scripts/docs.ts"], needsDev: false },
  bench: { script: ["scripts/bench/main.ts"], needsDev: false },
};

function say(line) {
  process.stderr.write(`operone: ${line}\n`);
}

function fail(...lines) {
  for (const line of lines) say(line);
  process.exit(1);
}

function versionOf(bun) {
  const asked = spawnSync(bun, ["--version"], { encoding: "utf8", timeout: 20_000 });
  return asked.status === 0 ? asked.stdout.trim() : undefined;
}

// The npm package names its program bun.exe on every system.
function bunInside(folder) {
  return join(folder, "node_modules", "bun", "bin", "bun.exe");
}

function installedBun() {
  if (process.versions.bun === bunPinned) return process.execPath;
  for (const candidate of [bunInside(toolchain), bunInside(root), "bun"]) {
    if (candidate !== "bun" && !existsSync(candidate)) continue;
    if (versionOf(candidate) === bunPinned) return candidate;
  }
  return undefined;
}

/** Runs an installer quietly; its output is shown only when it fails, with what to do about it. */
function install(what, command, args, cwd) {
  const windowsScript = process.platform === "win32" && command === "npm";
  const done = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    shell: windowsScript,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (done.status === 0) return;
  const output = `${done.stdout ?? ""}${done.stderr ?? ""}`.trim();
  if (output !== "") process.stderr.write(`${output}\n`);
  if (done.error?.code === "ENOENT") {
    fail(
      `Could not install ${what}: "${command}" is not on the PATH.`,
      "Install Node 20 with npm, or Bun, and try again.",
    );
  }
  const offline =
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ConnectionRefused|FailedToOpenSocket|DNS/i;
  if (offline.test(output)) {
    fail(
      `Could not install ${what}: the npm registry did not answer, this machine seems to be offline.`,
      "The network is needed once. Connect (or set the registry or proxy that npm should use) and try again.",
    );
  }
  fail(`Could not install ${what}: the installer's own words are above. Nothing was started.`);
}

function fetchBun() {
  const name = `bun@${bunPinned}`;
  say(`fetching Bun ${bunPinned} into .toolchain (once)`);
  mkdirSync(toolchain, { recursive: true });
  // A package of its own, so that neither npm nor bun climbs to the one above.
  writeFileSync(join(toolchain, "package.json"), '{ "private": true }\n');
  if (process.versions.bun) {
    install(name, process.execPath, ["add", "--exact", "--ignore-scripts", name], toolchain);
  } else {
    const cli = process.env.npm_execpath ?? "";
    const [command, ...first] = cli.endsWith("npm-cli.js") ? [process.execPath, cli] : ["npm"];
    const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    install(name, command, [...first, "install", "--save-exact", ...quiet, name], toolchain);
  }
  // npm asks before it runs a package's install script, and this one only picks the binary for this CPU.
  const package_ = join(toolchain, "node_modules", "bun");
  install(name, process.execPath, [join(package_, "install.js")], package_);
  const bun = bunInside(toolchain);
  if (versionOf(bun) !== bunPinned)
    fail(`Fetched Bun ${bunPinned}, but ${bun} does not run on this machine.`);
  return bun;
}

function installPackages(bun, needsDev) {
  const modules = join(root, "node_modules");
  const stampFile = join(modules, ".operone-installed");
  // A tree that has the development tools keeps them.
  const dev = needsDev || existsSync(join(modules, "knip"));
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  for (const file of ["package.json", "bun.lock"]) hash.update(readFileSync(join(root, file)));
  const stamp = `${dev ? "all" : "production"} ${hash.digest("hex")}\n`;
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  say(`installing the ${dev ? "" : "run-time "}packages (once)`);
  const args = ["install", "--frozen-lockfile", ...(dev ? [] : ["--production"])];
  install("the packages", bun, args, root);
  writeFileSync(stampFile, stamp);
}

/** Runs the task in the foreground; signals go in, and the exit code or the signal comes out. */
function handOver(bun, args) {
  // A terminal sends Ctrl-C to the child by itself; a second one could mean "do not wait" to it.
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  // Before the child starts: it can be up, and someone can have answered to that, before spawn() returns.
  for (const signal of signals) {
    process.on(signal, () => {
      if (!(atTerminal && signal === "SIGINT")) child.kill(signal);
    });
  }
  const child = spawn(bun, args, { cwd: root, stdio: "inherit" });
  // npm passes SIGTERM to its shell, which dies of it and tells nobody: a parent that is gone means stop.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent || !process.env.npm_lifecycle_event) return;
    clearInterval(watch);
    child.kill("SIGTERM");
  }, 250);
  child.on("error", (error) => fail(`Could not run ${bun}: ${error.message}`));
  child.on("exit", (code, signal) => {
    clearInterval(watch);
    if (signal === null) process.exit(code ?? 1);
    for (const name of signals) process.removeAllListeners(name);
    process.exitCode = 128 + (constants.signals[signal] ?? 0);
    process.kill(process.pid, signal);
  });
}

const [name = "", ...extra] = process.argv.slice(2);
const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
if (task === undefined) fail(`"${name}" is not a task; use one of: ${Object.keys(tasks).join(", ")}.`);
const bun = installedBun() ?? fetchBun();
installPackages(bun, task.needsDev);
handOver(bun, [...task.script, ...extra]);
