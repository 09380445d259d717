/** What a person sees at the terminal. Control characters in what came from elsewhere are made visible. */
import type { CliOutput } from "../../src/kernel/operation.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is made visible.
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

function lines(texts: readonly string[]): CliOutput {
  const shown = texts.map((text) => text.replace(controls, (sign) => JSON.stringify(sign).slice(1, -1)));
  return { stdout: `${shown.join("\n")}\n` };
}

interface StatusOut {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly dataDirectory: string;
  readonly addresses: readonly string[];
  readonly memoryBytes: number;
  readonly callsInFlight: number;
  readonly modules: Readonly<Record<string, string>>;
}

export function renderStatus(status: StatusOut): CliOutput {
  const modules = Object.entries(status.modules).map(([id, state]) =>
    state === "ready" ? id : `${id} (${state})`,
  );
  return lines([
    `${status.name} is ${status.state}: operone ${status.version}, process ${status.pid}, up ${span(status.uptimeMs)}`,
    `  data      ${status.dataDirectory}`,
    `  listens   ${status.addresses.join("  ")}`,
    `  memory    ${(status.memoryBytes / 1e6).toFixed(0)} MB, ${status.callsInFlight} ${status.callsInFlight === 1 ? "call" : "calls"} running`,
    `  modules   ${modules.join(" ")}`,
  ]);
}

interface ModulesOut {
  readonly modules: readonly {
    readonly id: string;
    readonly state: string;
    readonly reason?: string | undefined;
    readonly summary: string;
  }[];
}

export function renderModules({ modules }: ModulesOut): CliOutput {
  const width = Math.max(...modules.map(({ id }) => id.length));
  return lines(
    modules.map(
      ({ id, state, reason, summary }) => `${id.padEnd(width)}  ${state.padEnd(8)}  ${reason ?? summary}`,
    ),
  );
}

interface LogLine {
  readonly atMs: number;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function renderLog({ atMs, level, message, fields }: LogLine): CliOutput {
  const facts = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return lines([[new Date(atMs).toISOString(), level.padEnd(5), message, ...facts].join(" ")]);
}

interface ChecksOut {
  readonly checks: readonly {
    readonly name: string;
    readonly verdict: string;
    readonly found: string;
    readonly fix?: string | undefined;
  }[];
}

export function renderChecks({ checks }: ChecksOut): CliOutput {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return lines(
    checks.flatMap(({ name, verdict, found, fix }) => [
      `${verdict.padEnd(8)} ${name.padEnd(width)} ${found}`,
      ...(fix === undefined ? [] : [`${" ".repeat(9 + width)} fix: ${fix}`]),
    ]),
  );
}

/** `3 d 4 h`, `5 min 6 s`: the two greatest units. */
export function span(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const parts: (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const from = Math.max(
    0,
    Math.min(
      3,
      parts.findIndex(([count]) => count > 0),
    ),
  );
  const start = parts.every(([count]) => count === 0) ? 3 : from;
  return parts
    .slice(start, start + 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}
