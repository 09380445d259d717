/** Checks of the machine and the data directory. Each module adds its own beside these. */
import type { Check, Finding } from "../../src/kernel/ports.ts";
import { fileChecks } from "./file-checks.ts";
import { failure, ok, warning } from "./finding.ts";
import { processFacts } from "./process-facts.ts";
import type { NodeState } from "./state.ts";

const freeBytesWanted = 256 * 1024 * 1024;
const memoryBytesUsual = 512 * 1024 * 1024;
/** Before this moment the clock cannot be right: this source is younger. */
const earliestMs = Date.UTC(2026, 0, 1);

const descriptorsWanted = 4_096;

type Use = Pick<NodeState, "kernel" | "clock" | "files" | "host" | "listeners">;

export function machineChecks(use: Use): readonly Check[] {
  return [
    ...fileChecks(use),
    { name: "disk", run: () => disk(use) },
    { name: "descriptors", run: () => descriptors(use) },
    { name: "clock", run: () => clock(use) },
    { name: "memory", run: memory },
    { name: "modules", run: () => modules(use) },
    { name: "listeners", run: () => listeners(use) },
    { name: "system", run: () => system(use) },
  ];
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

/** Each connection and each pipe of a command takes some. */
async function descriptors({ files }: Use): Promise<Finding> {
  const { descriptors: open, descriptorsMax: most } = await processFacts(files);
  if (open === undefined || most === undefined) return ok("this system does not tell");
  const found = `${open} of ${most} are open`;
  if (most >= descriptorsWanted && open < most * 0.8) return ok(found);
  return warning(
    found,
    `raise the limit before the start: "ulimit -n ${descriptorsWanted}", or LimitNOFILE= of systemd`,
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
