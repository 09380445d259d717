/** Builds a node in this process: ports, configuration, modules. */
import { join } from "node:path";
import { checkList } from "../kernel/checks.ts";
import { OperoneError } from "../kernel/error.ts";
import { boot, type Kernel } from "../kernel/kernel.ts";
import {
  Backups,
  Checks,
  Clock,
  Files,
  Host,
  Log,
  LogBook,
  NodeNames,
  Processes,
  Random,
} from "../kernel/ports.ts";
import { modules } from "../modules.ts";
import { dataBackups } from "../platform/backup.ts";
import { systemClock } from "../platform/clock.ts";
import { diskFiles } from "../platform/files.ts";
import { systemHost } from "../platform/host.ts";
import { takeLock } from "../platform/lock.ts";
import { type OpenLog, openLog, stderrStream } from "../platform/log.ts";
import { nodeNames } from "../platform/node-names.ts";
import type { DataPaths } from "../platform/paths.ts";
import { systemProcesses } from "../platform/processes.ts";
import { systemRandom } from "../platform/random.ts";
import { removeUnfinished } from "../platform/removal.ts";
import { environmentCheck } from "./checks.ts";
import { loadConfiguration } from "./configuration.ts";
import { prepareHome } from "./home.ts";
import { operoneVersion } from "./version.ts";

export interface RunningNode {
  readonly paths: DataPaths;
  /** `http://127.0.0.1:6737`. */
  readonly addresses: readonly string[];
  readonly kernel: Kernel;
  readonly log: Log;
  /** Stops the modules, then gives the lock back. Idempotent. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly directory: string;
  /** `http.port=7000` */
  readonly settings: readonly string[];
  /** Nobody reads its stderr: the log goes to its file alone. */
  readonly background: boolean;
  /** As soon as there is a log, for what happens outside any call. */
  onLog?(log: Log): void;
}

/** @throws OperoneError when it cannot start; then nothing is left running and the lock is free. */
export async function startNode(options: StartOptions): Promise<RunningNode> {
  const { directory, settings, background } = options;
  const paths = prepareHome(directory);
  const config = await loadConfiguration(paths, settings);
  const clock = systemClock();
  const lock = takeLock(paths, operoneVersion, clock.nowMs());
  const opened = openNodeLog(paths, clock, background);
  options.onLog?.(opened.log);
  let kernel: Kernel | undefined;
  const stop = async () => {
    await kernel?.stop();
    opened.close();
    lock.release();
  };
  try {
    removeUnfinished([directory, ...modules.map((module) => join(directory, module.id))]);
    kernel = await bootModules(paths, config.values, clock, opened);
    await requiredReady(kernel);
    const addresses = await addressesOf(kernel);
    opened.log.info("started", { version: operoneVersion, addresses });
    return { paths, addresses, kernel, log: opened.log, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** For the required modules, from their start to their readiness. */
const readyMs = 20_000;
const pollMs = 1;

/** It answers before that, but what is printed (the owner's token) must be there for whoever reads it. */
async function requiredReady(kernel: Kernel): Promise<void> {
  const required = () => kernel.view.modules().filter((module) => module.required);
  const end = performance.now() + readyMs;
  while (required().some(({ state }) => state === "starting") && performance.now() < end)
    await Bun.sleep(pollMs);
  const late = required().find(({ state }) => state === "starting" || state === "failed");
  if (late === undefined) return;
  throw new OperoneError(
    "unavailable",
    `The required module "${late.id}" ${late.state === "failed" ? `failed: ${late.reason}` : `was not ready after ${readyMs / 1000} s`}`,
  );
}

/** The same verb that everybody else asks. */
async function addressesOf({ view }: Kernel): Promise<readonly string[]> {
  const answer = await view.call({
    surface: "cli",
    operation: "http.listeners",
    input: {},
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [{ holder: "owner", owner: true, grants: [] }],
    signal: new AbortController().signal,
  });
  const { listeners } = (answer.gives === "value" ? answer.value : {}) as Readonly<Record<string, unknown>>;
  if (!Array.isArray(listeners)) return [];
  return listeners.flatMap(({ url }: { readonly url?: unknown }) => (typeof url === "string" ? [url] : []));
}

function openNodeLog({ directory }: DataPaths, clock: Clock, background: boolean): OpenLog {
  return openLog({
    clock,
    level: "info",
    file: join(directory, "log", "node.log"),
    ...(background ? {} : { stream: stderrStream() }),
  });
}

/** As the module `node` declares it. */
function configuredName(config: unknown): string {
  const { name } = (config ?? {}) as { readonly name?: unknown };
  return typeof name === "string" ? name : "";
}

async function bootModules(
  { directory }: DataPaths,
  config: Readonly<Record<string, unknown>>,
  clock: Clock,
  { log, book }: OpenLog,
): Promise<Kernel> {
  const random = systemRandom();
  const host = systemHost({ dataDirectory: directory, version: operoneVersion });
  const checks = checkList();
  checks.add(environmentCheck);
  const files = diskFiles();
  const names = await nodeNames({
    files,
    path: join(directory, "name"),
    configured: configuredName(config.node),
    hostName: host.hostName,
  });
  return await boot({
    modules,
    config,
    clock,
    random,
    log,
    nodeNames: names.all,
    provided: [
      [Backups, dataBackups({ directory, version: operoneVersion, clock })],
      [Checks, checks],
      [Clock, clock],
      [Files, files],
      [Host, host],
      [Log, log],
      [LogBook, book],
      [NodeNames, names],
      [Processes, systemProcesses({ ledger: join(directory, "shell", "children") })],
      [Random, random],
    ],
  });
}
