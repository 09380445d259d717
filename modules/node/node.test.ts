import { expect, test } from "bun:test";
import * as v from "valibot";
import { checkList } from "../../src/kernel/checks.ts";
import { boot, type Kernel } from "../../src/kernel/kernel.ts";
import { defineModule, type Module } from "../../src/kernel/module.ts";
import {
  Backups,
  Checks,
  Clock,
  Files,
  Host,
  Journal,
  type LogBook,
  LogBook as LogBookKey,
  NodeNames,
} from "../../src/kernel/ports.ts";
import {
  simulatedClock,
  simulatedFiles,
  simulatedHost,
  simulatedJournal,
  simulatedLog,
  simulatedNames,
  simulatedRandom,
} from "../../src/kernel/simulated.ts";
import { openLog } from "../../src/platform/log.ts";
import { Listeners } from "../http/contract.ts";
import { node } from "./module.ts";

interface Options {
  readonly owner?: boolean;
  readonly grants?: readonly string[];
  readonly signal?: AbortSignal;
}

async function setUp(config: Readonly<Record<string, unknown>> = {}, more: readonly Module[] = []) {
  const clock = simulatedClock();
  const { log, book } = openLog({ clock, level: "debug" });
  const files = simulatedFiles(clock);
  const checks = checkList();
  const host = simulatedHost({ hostName: "Pi.local", startedAtMs: clock.nowMs() - 5_000 });
  await files.writePrivate("/data/owner.token", "opo_x");
  await files.ensureDirectory("/data");
  const warnings: string[] = [];
  const listeners: Listeners = {
    bound: () => [
      { kind: "unix", path: "/data/operone.sock" },
      { kind: "tcp", url: "http://127.0.0.1:1" },
    ],
    warnings: () => warnings,
  };
  const backups: Backups = {
    create: () => ({
      fileName: "b.tar",
      async *open() {
        yield new Uint8Array([1, 2]);
      },
    }),
  };
  const access = defineModule({
    id: "access",
    summary: "Stands in for the owner's rights",
    config: v.strictObject({}),
    permissions: { "access.admin": { summary: "Own", ownerOnly: true } },
    requires: {},
    provides: { journal: Journal },
    operations: [],
    start: () => ({ state: undefined, services: { journal: simulatedJournal() } }),
  });
  const kernel = await boot({
    modules: [node, access, ...more],
    config: { node: config },
    clock,
    random: simulatedRandom(1),
    log: simulatedLog(),
    provided: [
      [Clock, clock],
      [Files, files],
      [Host, host],
      [LogBookKey, book satisfies LogBook],
      [NodeNames, simulatedNames("pi")],
      [Checks, checks],
      [Backups, backups],
      [Listeners, listeners],
    ],
  });
  return { clock, kernel, log, book, files, checks, warnings, ...caller(kernel) };
}

function caller(kernel: Kernel) {
  const call = (
    operation: string,
    input: unknown = {},
    { owner = true, grants = [], signal }: Options = {},
  ) =>
    kernel.view.call({
      surface: "http",
      operation: `node.${operation}`,
      input,
      caller: { kind: owner ? "owner" : "token", id: "1", name: "ada" },
      sets: [
        {
          holder: "ada",
          owner,
          grants: grants.map((permission) => ({ permission, scope: "*", decision: "allow" as const })),
        },
      ],
      signal: signal ?? new AbortController().signal,
    });
  const value = async (operation: string, input: unknown = {}, options: Options = {}) => {
    const answer = await call(operation, input, options);
    if (answer.gives !== "value") throw new Error(`${operation} gave ${answer.gives}`);
    return answer.value as Record<string, unknown>;
  };
  const items = async (operation: string, input: unknown = {}, options: Options = {}) => {
    const answer = await call(operation, input, options);
    if (answer.gives !== "items") throw new Error(`${operation} gave ${answer.gives}`);
    return answer.items;
  };
  const text = async (operation: string) => {
    const answer = await call(operation);
    if (answer.gives !== "bytes") throw new Error(`${operation} gave ${answer.gives}`);
    return Buffer.concat(await Array.fromAsync(answer.bytes.open())).toString();
  };
  return { call, value, items, text };
}

const broken = (id: string, required: boolean): Module => ({
  id,
  summary: id,
  required,
  config: v.strictObject({}),
  permissions: {},
  requires: {},
  provides: {},
  operations: [],
  start: ({ scope }) => {
    scope.task("loop", () => Promise.reject(new Error("no disk")));
    return { state: undefined, services: {} };
  },
});

test("the status names the node, its places and its state", async () => {
  const { value } = await setUp();
  expect(await value("status")).toMatchObject({
    name: "pi",
    state: "ready",
    version: "0.0.0-test",
    uptimeMs: 5_000,
    addresses: ["/data/operone.sock", "http://127.0.0.1:1"],
    modules: { access: "ready", node: "ready" },
    callsInFlight: 1,
  });
});

test("a name that could not be typed is refused by the configuration", async () => {
  await expect(setUp({ name: "My Pi" })).rejects.toMatchObject({ code: "invalid_input" });
});

test("a degraded module shows in the status, the modules and the checks, and its reason with it", async () => {
  const { value, clock } = await setUp({}, [broken("odd", false)]);
  await clock.advance(1);
  expect(await value("status")).toMatchObject({ state: "degraded", modules: { odd: "degraded" } });
  const { modules } = await value("modules");
  expect(modules).toContainEqual(
    expect.objectContaining({ id: "odd", reason: expect.stringContaining("no disk") }),
  );
  const { checks } = await value("doctor");
  expect(checks).toContainEqual(expect.objectContaining({ name: "modules", verdict: "failure" }));
});

test("a node is live as long as it answers, and ready only with every required module", async () => {
  const { value, call, clock } = await setUp({}, [broken("core", true)]);
  expect(await value("health")).toEqual({ live: true });
  expect(await value("ready")).toEqual({ ready: true });
  await clock.advance(3_600_000);
  expect(await value("health")).toEqual({ live: true });
  await expect(call("ready")).rejects.toThrow(/core is failed/);
});

test("the log shows its newest lines by level, and follows", async () => {
  const { log, items } = await setUp();
  for (const word of ["one", "two"]) log.info(word);
  log.debug("quiet");
  log.warn("three", { why: 3 });
  const shown = await Array.fromAsync(await items("log", { count: 2, level: "info" }));
  expect(shown).toMatchObject([{ message: "two" }, { message: "three", fields: { why: 3 } }]);
  const controller = new AbortController();
  const following = await items(
    "log",
    { count: 1, follow: true, level: "warn" },
    { signal: controller.signal },
  );
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const item of following) {
      seen.push((item as { readonly message: string }).message);
      if (seen.length === 1) {
        log.info("below the level");
        log.error("four");
      }
      if (seen.length === 2) break;
    }
  })();
  await reading;
  expect(seen).toEqual(["three", "four"]);
  controller.abort();
});

test("the log level changes at once and says what it was", async () => {
  const { value, book } = await setUp({ logLevel: "warn" });
  expect(book.level()).toBe("warn");
  expect(await value("log-level", { level: "debug" })).toEqual({ level: "debug", before: "warn" });
  expect(book.level()).toBe("debug");
});

test("every check has a verdict, what was found, and a fix where it is not ok", async () => {
  const { value, files, warnings, checks } = await setUp();
  await files.remove("/data/owner.token");
  warnings.push("TCP listens on every address without TLS.");
  checks.add({
    name: "breaks",
    run: () => {
      throw new Error("cannot look");
    },
  });
  const { checks: found } = (await value("doctor")) as {
    checks: { name: string; verdict: string; found: string; fix?: string }[];
  };
  const verdicts = Object.fromEntries(found.map(({ name, verdict }) => [name, verdict]));
  expect(verdicts).toMatchObject({
    breaks: "failure",
    "owner token": "failure",
    listeners: "warning",
    disk: "ok",
  });
  for (const { verdict, fix } of found) expect(fix === undefined).toBe(verdict === "ok");
});

test("a configuration file that others may write, a full disk and a wrong clock are found", async () => {
  const { machineChecks } = await import("./checks.ts");
  const { kernel, clock, files } = await setUp();
  const use = {
    kernel: kernel.view,
    clock: { ...clock, nowMs: () => 0 },
    files: {
      ...files,
      freeBytes: async () => 1_000,
      facts: async () => ({ kind: "file", sizeBytes: 1, mode: 0o666, modifiedMs: 0 }) as const,
    },
    host: simulatedHost({ os: "plan9" }),
    listeners: { bound: () => [], warnings: () => [] },
  };
  const verdicts: Record<string, string | undefined> = {};
  for (const { name, run } of machineChecks(use)) {
    verdicts[name] = (await run(new AbortController().signal))?.verdict;
  }
  expect(verdicts).toMatchObject({
    "configuration file": "failure",
    "data directory": "failure",
    clock: "failure",
    disk: "warning",
    system: "warning",
  });
});

test("a backup needs the owner, and comes as a file to save", async () => {
  const { call, text } = await setUp();
  const answer = await call("backup");
  expect(answer.gives === "bytes" && answer.bytes).toMatchObject({
    mediaType: "application/x-tar",
    fileName: "b.tar",
  });
  expect(await text("backup")).toBe("\u0001\u0002");
  const token = { owner: false, grants: ["*", "node.manage", "node.observe"] };
  await expect(call("backup", {}, token)).rejects.toMatchObject({ code: "forbidden" });
});

test("stopping needs its own permission, and tells who asked", async () => {
  const { call, kernel } = await setUp();
  await expect(call("stop", {}, { owner: false, grants: ["node.observe"] })).rejects.toMatchObject({
    code: "forbidden",
  });
  await call("stop", {}, { owner: false, grants: ["node.manage"] });
  expect(await kernel.stopRequested).toBe("token ada asked for it");
});

/** Reads the exposition format: every line is a comment or a sample, each sample's family is declared before it. */
function parsedMetrics(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const families = new Map<string, string>();
  expect(text.endsWith("\n")).toBe(true);
  for (const line of text.trimEnd().split("\n")) {
    const type = /^# TYPE ([a-z_]+) (gauge|counter|histogram)$/.exec(line);
    if (type?.[1] !== undefined && type[2] !== undefined) families.set(type[1], type[2]);
    if (line.startsWith("#")) {
      expect(line).toMatch(
        /^# (HELP [a-z_]+ .+|TYPE [a-z_]+ (gauge|counter|histogram)|UNIT [a-z_]+ (seconds|bytes))$/,
      );
      continue;
    }
    const sample = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$/.exec(line);
    expect(sample, line).not.toBeNull();
    const [, name = "", labels = "", value = ""] = sample ?? [];
    const family = families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "");
    expect(families.has(family), line).toBe(true);
    expect(samples.has(name + labels), `${line} is there twice`).toBe(false);
    expect(Number.isFinite(Number(value)), line).toBe(true);
    samples.set(name + labels, Number(value));
  }
  return samples;
}

test("the metrics are in the exposition format, and count the calls", async () => {
  const { value, text, call } = await setUp();
  for (let i = 0; i < 3; i++) await value("health");
  await call("stop", {}, { owner: false }).catch(() => {});
  const samples = parsedMetrics(await text("metrics"));
  const labels = (code: string, method: string) =>
    `rpc_system_name="operone",rpc_method="node.${method}",operone_surface="http",rpc_response_status_code="${code}"${code === "ok" ? "" : `,error_type="${code}"`}`;
  const name = "rpc_server_call_duration_seconds";
  expect(samples.get(`${name}_count{${labels("ok", "health")}}`)).toBe(3);
  expect(samples.get(`${name}_count{${labels("forbidden", "stop")}}`)).toBe(1);
  expect(samples.get(`${name}_bucket{${labels("ok", "health")},le="+Inf"}`)).toBe(3);
  expect(samples.get(`${name}_bucket{${labels("ok", "health")},le="0.00025"}`)).toBe(3);
  expect(samples.get('operone_module_up{module="node",state="ready"}')).toBe(1);
  expect(samples.get("process_uptime_seconds")).toBe(5);
});
