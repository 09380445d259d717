/** Runs commands in the sandbox, as the user that it is started by, and says how they ended: a JSON line each. */

import { refusedAddress } from "../../modules/shell/address-rule.ts";
import type { Network } from "../../modules/shell/network.ts";
import { noPaths, type ProfilePaths } from "../../modules/shell/profile-paths.ts";
import { Sandbox } from "../../modules/shell/sandbox.ts";
import type { Profile, SandboxLimits } from "../../modules/shell/sandbox-policy.ts";
import type { TierName } from "../../modules/shell/tier.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Child } from "../../src/kernel/ports.ts";
import { systemProcesses } from "../../src/platform/processes.ts";

export interface Job {
  readonly argv: readonly string[];
  readonly profile: Profile | "unconfined";
  readonly network?: Network;
  readonly paths?: ProfilePaths;
  readonly workspace?: string;
  readonly workingDirectory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** At a terminal of its own, of 80 columns and 24 rows. */
  readonly terminal?: boolean;
}

export interface Orders {
  readonly home: string;
  readonly dataDirectory: string;
  readonly limits: SandboxLimits;
  /** Addresses of names that no resolver knows; with any, the machine's loopback counts as public. */
  readonly names?: Readonly<Record<string, string>>;
  /** Absent: the best that works. */
  readonly tier?: TierName;
  readonly jobs: readonly Job[];
}

export interface Ending {
  /** Null after a signal, and for a command that was refused. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Of an OperoneError, with its code in front. */
  readonly refused?: string;
}

const outputMax = 100_000;

async function text(pipe: AsyncIterable<Uint8Array>): Promise<string> {
  let all = "";
  for await (const part of pipe) if (all.length < outputMax) all += Buffer.from(part).toString();
  return all;
}

const processes = systemProcesses();

async function started({ home, dataDirectory }: Orders, job: Job, sandbox: Sandbox): Promise<Child> {
  const { argv, profile, network = "none", workspace, workingDirectory = "~", paths = noPaths } = job;
  const environment = { ...processes.cleanEnvironment(), HOME: home, ...job.environment };
  if (profile === "unconfined") {
    return processes.spawn({
      argv,
      environment,
      stdin: "none",
      workingDirectory: workspace ?? dataDirectory,
    });
  }
  const confinement = { profile, network, workspace, workingDirectory, paths };
  const terminal = job.terminal === true ? { terminal: { columns: 80, rows: 24 } } : {};
  const { child } = await sandbox.start(
    { argv, environment: { ...environment, ...(await sandbox.variables()) }, stdin: "none", ...terminal },
    confinement,
    new AbortController().signal,
  );
  return child;
}

async function ending(orders: Orders, job: Job, sandbox: Sandbox): Promise<Ending> {
  try {
    const child = await started(orders, job, sandbox);
    const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
    return { ...exit, stdout, stderr };
  } catch (error) {
    if (!(error instanceof OperoneError)) throw error;
    return { code: null, signal: null, stdout: "", stderr: "", refused: `${error.code}: ${error.message}` };
  }
}

const orders: Orders = await Bun.stdin.json();
const { home, dataDirectory, tier, limits, names } = orders;
const only = tier === undefined ? {} : { only: tier };
const proxies = {
  resolve: async (host: string) => (names?.[host] === undefined ? [] : [names[host]]),
  refusedAddress: (address: string) => (address === "127.0.0.1" ? undefined : refusedAddress(address)),
};
const sandbox = new Sandbox(
  {
    processes,
    home,
    dataDirectory,
    allowDegraded: true,
    ...only,
    ...(names === undefined ? {} : { proxies }),
  },
  limits,
);
for (const job of orders.jobs) console.log(JSON.stringify(await ending(orders, job, sandbox)));
