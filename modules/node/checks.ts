/** Checks of the machine and the data directory. Each module adds its own beside these. */
import type { Check, Finding } from "../../src/kernel/ports.ts";
import type { NodeState } from "./state.ts";

const freeBytesWanted = 256 * 1024 * 1024;
const memoryBytesUsual = 512 * 1024 * 1024;
/** Before this moment the clock cannot be right: this source is younger. */
const earliestMs = Date.UTC(2026, 0, 1);

type Use = Omit<NodeState, "name">;

export function machineChecks(use: Use): readonly Check[] {
  return [
    { name: "data directory", run: () => privatePath(use, use.host.dataDirectory, 0o700) },
    { name: "owner token", run: () => privatePath(use, `${use.host.dataDirectory}/owner.token`, 0o600) },
    { name: "configuration file", run: () => configurationFile(use) },
    { name: "disk", run: () => disk(use) },
    { name: "clock", run: () => clock(use) },
    { name: "memory", run: memory },
    { name: "modules", run: () => modules(use) },
    { name: "listeners", run: () => listeners(use) },
    { name: "system", run: () => system(use) },
  ];
}

const ok = (found: string): Finding => ({ verdict: "ok", found });
const warning = (found: string, fix: string): Finding => ({ verdict: "warning", found, fix });
const failure = (found: string, fix: string): Finding => ({ verdict: "failure", found, fix });

async function privatePath({ files, host }: Use, path: string, mode: number): Promise<Finding> {
  const facts = await files.facts(path);
  if (facts === undefined)
    return failure(`${path} is missing`, 'start the node again ("operone down", "operone up")');
  if (host.os === "win32" || (facts.mode & 0o077) === 0) return ok(path);
  return failure(
    `${path} is open to other users (${facts.mode.toString(8)})`,
    `chmod ${mode.toString(8)} '${path}'`,
  );
}

/** It holds no secrets, so others may read it; whoever may write it decides what this node does. */
async function configurationFile({ files, host }: Use): Promise<Finding> {
  const path = `${host.dataDirectory}/config.toml`;
  const facts = await files.facts(path);
  if (facts === undefined) return ok("none; the defaults are used");
  if (host.os === "win32" || (facts.mode & 0o022) === 0) return ok(path);
  return failure(`${path} can be written by other users (${facts.mode.toString(8)})`, `chmod 600 '${path}'`);
}

async function disk({ files, host }: Use): Promise<Finding> {
  const free = await files.freeBytes(host.dataDirectory);
  const found = `${Math.floor(free / 1024 / 1024)} MiB free`;
  if (free >= freeBytesWanted) return ok(found);
  return warning(
    found,
    `make room: at least ${freeBytesWanted / 1024 / 1024} MiB on the disk of ${host.dataDirectory}`,
  );
}

function clock({ clock: { nowMs } }: Use): Finding {
  const now = new Date(nowMs()).toISOString();
  if (nowMs() >= earliestMs) return ok(now);
  return failure(
    `the clock says ${now}; tokens, grants and the audit go by it`,
    "set it, and let it be set (NTP)",
  );
}

function memory(): Finding {
  const bytes = process.memoryUsage.rss();
  const found = `${Math.round(bytes / 1024 / 1024)} MiB resident`;
  if (bytes < memoryBytesUsual) return ok(found);
  return warning(found, 'see what runs ("operone status"); if it stays, start the node again and report it');
}

function modules({ kernel }: Use): Finding {
  const ill = kernel.modules().filter(({ state }) => state === "failed" || state === "degraded");
  if (ill.length === 0) return ok(`${kernel.modules().length} modules run`);
  const found = ill.map(({ id, state, reason }) => `${id} is ${state}: ${reason}`).join("; ");
  return failure(found, 'remove the cause, then start the node again; "operone logs" tells more');
}

function listeners({ listeners: { bound, warnings } }: Use): Finding {
  const [first, ...others] = warnings();
  if (first !== undefined)
    return warning(
      [first, ...others].join(" "),
      "listen on loopback only, or use TLS ([http] in config.toml)",
    );
  return ok(
    bound()
      .map((one) => (one.kind === "unix" ? one.path : one.url))
      .join(", "),
  );
}

function system({ host }: Use): Finding {
  const found = `${host.os} ${host.cpu}`;
  if (["linux", "darwin", "win32"].includes(host.os)) return ok(found);
  return warning(found, "Operone is tested on Linux and built for macOS and Windows");
}
