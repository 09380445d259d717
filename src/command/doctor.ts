/** `operone doctor`: asks the running node; with none running, checks what can be seen without it, and says so. */
import { OperoneError } from "../kernel/error.ts";
import type { Finding } from "../kernel/ports.ts";
import { isLocked } from "../platform/lock.ts";
import { type DataPaths, dataPaths, isDataDirectory } from "../platform/paths.ts";
import { currentUserId, folderFacts, freeBytes, portTaken, socketAnswers } from "../platform/probe.ts";
import { environmentFinding } from "./checks.ts";
import type { CommandInput } from "./command.ts";
import { loadConfiguration } from "./configuration.ts";
import { socketPathProblem } from "./home.ts";
import { runOperation } from "./operation.ts";

interface Check extends Finding {
  readonly name: string;
}

const freeBytesWanted = 256 * 1024 * 1024;
const socketTimeoutMs = 1_000;

export async function doctor({ directory, json, text, terminal }: CommandInput): Promise<number> {
  const paths = dataPaths(directory);
  const node = text("node");
  if (node !== undefined || isLocked(paths)) {
    const where = node === undefined ? [] : [`--node=${node}`];
    return await runOperation(directory, ["doctor", ...where, ...(json ? ["--json"] : [])]);
  }
  const checks = await offlineChecks(paths);
  const failed = checks.some((check) => check.verdict === "failure");
  if (json) terminal.out(`${JSON.stringify({ running: false, checks })}\n`);
  else terminal.out(report(directory, checks));
  return failed ? 1 : 0;
}

async function offlineChecks(paths: DataPaths): Promise<readonly Check[]> {
  const configuration = await checkConfiguration(paths);
  return [
    checkDirectory(paths),
    configuration.check,
    checkSocketPath(paths),
    await checkSocket(paths),
    ...(configuration.port === undefined ? [] : [await checkPort(configuration.port)]),
    checkDisk(paths),
    { name: "environment", ...environmentFinding() },
  ];
}

function checkDirectory({ directory }: DataPaths): Check {
  const name = "data directory";
  const { kind, mode, ownerId } = folderFacts(directory);
  if (kind === "missing") return ok(name, `${directory} does not exist yet; "operone up" makes it`);
  if (kind === "other") {
    return bad(name, `${directory} is a file`, "name a folder with --data or OPERONE_HOME");
  }
  if (kind === "folder" && !isDataDirectory(directory)) {
    return {
      name,
      verdict: "warning",
      found: `${directory} is there, but no node has run in it`,
      fix: "operone up",
    };
  }
  const user = currentUserId();
  if (ownerId !== undefined && user !== 0 && ownerId !== user) {
    return bad(
      name,
      `${directory} belongs to user ${ownerId}, and you are ${user}`,
      "run operone as its owner",
    );
  }
  if ((mode & 0o077) !== 0 && kind === "folder") {
    const found = `${directory} is open to other users (${mode.toString(8)})`;
    return { name, verdict: "warning", found, fix: `chmod 700 '${directory}' ("operone up" does it too)` };
  }
  return ok(name, directory);
}

async function checkConfiguration(
  paths: DataPaths,
): Promise<{ readonly check: Check; readonly port: number | undefined }> {
  const name = "configuration";
  try {
    const { entries } = await loadConfiguration(paths, []);
    const port = entries.find((entry) => entry.key === "http.port")?.value;
    const set = entries.filter((entry) => entry.source !== "default").length;
    const check = ok(name, `good; ${set} of ${entries.length} keys set`);
    return { check, port: typeof port === "number" && port > 0 ? port : undefined };
  } catch (error) {
    if (!(error instanceof OperoneError)) throw error;
    return { check: bad(name, error.message, "operone config check"), port: undefined };
  }
}

function checkSocketPath(paths: DataPaths): Check {
  const problem = socketPathProblem(paths);
  if (problem === undefined) return ok("socket path", paths.socket);
  return bad("socket path", problem, "name a shorter folder with --data or OPERONE_HOME");
}

async function checkSocket({ socket }: DataPaths): Promise<Check> {
  if (!(await socketAnswers(socket, socketTimeoutMs))) return ok("node", "none is running here");
  return bad(
    "node",
    `something answers on ${socket}, although nobody holds the lock`,
    `remove ${socket} and find out who`,
  );
}

async function checkPort(port: number): Promise<Check> {
  const taken = await portTaken("127.0.0.1", port);
  if (taken === undefined) return ok("port", `127.0.0.1:${port} is free`);
  return bad(
    "port",
    `127.0.0.1:${port} cannot be bound (${taken})`,
    "operone up --set http.port=0, or another number",
  );
}

function checkDisk({ directory }: DataPaths): Check {
  const free = freeBytes(directory);
  const found = `${Math.floor(free / 1024 / 1024)} MiB free`;
  if (free >= freeBytesWanted) return ok("disk", found);
  return {
    name: "disk",
    verdict: "warning",
    found,
    fix: `make room: at least ${freeBytesWanted / 1024 / 1024} MiB`,
  };
}

function ok(name: string, found: string): Check {
  return { name, verdict: "ok", found };
}

function bad(name: string, found: string, fix: string): Check {
  return { name, verdict: "failure", found, fix };
}

function report(directory: string, checks: readonly Check[]): string {
  const lines = checks.flatMap(({ name, verdict, found, fix }) => [
    `${verdict.padEnd(8)} ${name.padEnd(15)} ${found}`,
    ...(fix === undefined ? [] : [`${" ".repeat(24)} fix: ${fix}`]),
  ]);
  const head = `No node is running in ${directory}; these are the checks that need none.`;
  return `${[head, "", ...lines].join("\n")}\n`;
}
