/** A node with nothing but HTTP, an access that knows a few tokens, and operations to call. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import type { Identity } from "../../modules/access/contract.ts";
import { Credentials } from "../../modules/access/contract.ts";
import { Listeners } from "../../modules/http/contract.ts";
import { http } from "../../modules/http/module.ts";
import { checkList } from "../../src/kernel/checks.ts";
import { boot, type Kernel } from "../../src/kernel/kernel.ts";
import { defineModule, type Module } from "../../src/kernel/module.ts";
import { Checks, Clock, Files, Host, Log, Random } from "../../src/kernel/ports.ts";
import {
  type SimulatedLog,
  simulatedHost,
  simulatedLog,
  simulatedRandom,
} from "../../src/kernel/simulated.ts";
import { diskFiles } from "../../src/platform/files.ts";
import { sampleModule } from "../surface/sample-module.ts";
import { type Happened, oddModule } from "./odd-module.ts";

export const token = "opt_aaaaaaaaaa_0123456789012345678901234567890123456789012";
export const guest = "opt_bbbbbbbbbb_0123456789012345678901234567890123456789012";

export interface HttpNode {
  readonly kernel: Kernel;
  readonly log: SimulatedLog;
  readonly happened: Happened;
  readonly directory: string;
  readonly socket: string;
  /** Of 127.0.0.1. */
  readonly port: number;
  readonly url: string;
  /** How often a token was looked at. */
  authentications(): number;
  /** Takes the rights of `token` away, as a revocation does. */
  revoke(): void;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Asks the node for something else, again and again, until `condition` holds. */
  until(condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

export interface HttpNodeOptions {
  readonly http?: Record<string, unknown>;
  /** Time runs this many times faster for everything that the node waits for. */
  readonly haste?: number;
  readonly directory?: string;
  /** In place of the one that knows a few tokens. */
  readonly access?: Module;
  /** How far the node's time is ahead. */
  aheadMs?(): number;
}

export async function startHttpNode({
  http: settings = {},
  haste = 1,
  directory,
  access: accessModule,
  aheadMs = () => 0,
}: HttpNodeOptions = {}): Promise<HttpNode> {
  const home = directory ?? mkdtempSync(join(tmpdir(), "operone-http-"));
  const clock = hastyClock(haste, aheadMs);
  const log = simulatedLog();
  const random = simulatedRandom(1);
  const happened: Happened = { started: 0, ended: 0, producedBytes: 0, takenBytes: 0 };
  const access = fakeAccess();
  const kernel = await boot({
    modules: [accessModule ?? access.module, observer, oddModule(happened), sampleModule, http],
    config: { http: { port: 0, ...settings } },
    clock,
    random,
    log,
    provided: [
      [Checks, checkList()],
      [Clock, clock],
      [Files, diskFiles()],
      [Host, simulatedHost({ dataDirectory: home, os: process.platform })],
      [Log, log],
      [Random, random],
    ],
  });
  const first = kernel
    .service(Listeners)
    .bound()
    .find((one) => one.kind === "tcp");
  const url = first?.kind === "tcp" ? first.url : "http://none";
  return {
    kernel,
    log,
    happened,
    directory: home,
    socket: join(home, "operone.sock"),
    port: Number(new URL(url).port),
    url,
    authentications: access.count,
    revoke: access.revoke,
    get: (path, headers = {}) =>
      fetch(url + path, { headers: { authorization: `Bearer ${token}`, ...headers } }),
    async until(condition) {
      while (!condition()) await fetch(url);
    },
    async stop() {
      await kernel.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function hastyClock(haste: number, aheadMs: () => number): Clock {
  return {
    nowMs: () => Date.now() + aheadMs(),
    monotonicMs: () => performance.now() * haste,
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs / haste);
      return () => clearTimeout(timer);
    },
  };
}

function fakeAccess() {
  let count = 0;
  const revocation = new AbortController();
  const identity = (id: string, owner: boolean): Identity => ({
    caller: { kind: owner ? "owner" : "token", id, name: id },
    sets: [{ holder: id, owner, grants: [] }],
    revoked: revocation.signal,
  });
  const known = new Map([
    [token, identity("ci", true)],
    [guest, identity("guest", false)],
  ]);
  const credentials: Credentials = {
    owner: () => identity("owner", true),
    async authenticate(text) {
      count++;
      return known.get(text);
    },
  };
  const module = defineModule({
    id: "access",
    summary: "Knows a few tokens",
    config: v.strictObject({}),
    permissions: {},
    requires: {},
    provides: { credentials: Credentials },
    operations: [],
    start: () => ({ state: null, services: { credentials } }),
  });
  const revoke = () => {
    known.delete(token);
    revocation.abort(new Error("revoked"));
  };
  return { module, count: () => count, revoke };
}

const observer = defineModule({
  id: "node",
  summary: "Defines the permission that http needs",
  config: v.strictObject({}),
  permissions: { "node.observe": { summary: "See the node" } },
  requires: {},
  provides: {},
  operations: [],
  start: () => ({ state: null, services: {} }),
});
