/** Facts of this machine and this process. */
import { hostname } from "node:os";
import type { Host } from "../kernel/ports.ts";

export interface HostOptions {
  readonly dataDirectory: string;
  readonly version: string;
}

export function systemHost({ dataDirectory, version }: HostOptions): Host {
  return {
    dataDirectory,
    version,
    hostName: hostname(),
    os: process.platform,
    cpu: process.arch,
    pid: process.pid,
    startedAtMs: Math.round(performance.timeOrigin),
  };
}
