import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alive, finish, firstLine, linux, start, until } from "../../tests/platform/children.ts";
import { childLedger } from "./child-ledger.ts";
import { systemProcesses } from "./processes.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "operone-ledger-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("after a node was killed", () => {
  const ledger = () => join(folder, "ledger", "running");

  test("its running children are ended by the next one, those that had ended are not looked for", async () => {
    if (!linux) return;
    const first = systemProcesses({ ledger: ledger() });
    const options = {
      workingDirectory: folder,
      environment: first.cleanEnvironment(),
      stdin: "none",
    } as const;
    const short = first.spawn({ ...options, argv: ["true"] });
    const long = first.spawn({ ...options, argv: ["sh", "-c", "sleep 60 & echo $!; wait"] });
    const [grandchild = 0] = await firstLine(long, 1);
    await finish(short);

    const next = systemProcesses({ ledger: ledger() });
    expect(await next.endLeftovers()).toBe(1);
    expect(await long.exited).toEqual({ code: null, signal: "SIGKILL" });
    await until(() => !alive(grandchild));
    expect(await next.endLeftovers()).toBe(0);
  });

  test("a stranger that has a remembered number is left alone", async () => {
    if (!linux) return;
    const stranger = start(["sleep", "60"]);
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const line = (ticks: number) => `${boot}\n+${stranger.pid} ${ticks}\n`;
    const path = join(folder, "strangers");
    writeFileSync(path, line(1));
    expect(await systemProcesses({ ledger: path }).endLeftovers()).toBe(0);
    // The same number and start, but of another boot.
    const stat = readFileSync(`/proc/${stranger.pid}/stat`, "utf8");
    const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    writeFileSync(path, line(ticks).replace(boot, "00000000-0000-0000-0000-000000000000"));
    expect(await systemProcesses({ ledger: path }).endLeftovers()).toBe(0);
    expect(alive(stranger.pid)).toBe(true);
    writeFileSync(path, line(ticks));
    expect(await systemProcesses({ ledger: path }).endLeftovers()).toBe(1);
    await finish(stranger);
  });

  test("the file is private, stays small however many children there were, and names those that run", async () => {
    if (!linux) return;
    const path = join(folder, "many", "children");
    const ledger = childLedger(path);
    const long = start(["sleep", "60"]);
    ledger.started(long.pid);
    for (let round = 0; round < 10_000; round++) {
      ledger.started(process.pid);
      ledger.ended(process.pid);
    }
    expect(statSync(path).size).toBeLessThan(70_000);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(childLedger(path).endLeftovers()).toBe(1);
    expect(await finish(long)).toMatchObject({ signal: "SIGKILL" });
  });

  test("damage to the file harms nobody, and a file that cannot be written keeps no command from running", async () => {
    if (!linux) return;
    const path = join(folder, "damaged");
    writeFileSync(path, "+1 x\n\0\0\n-\n+-5 7\n");
    const own = systemProcesses({ ledger: path });
    expect(await own.endLeftovers()).toBe(0);
    const options = { workingDirectory: folder, environment: {}, stdin: "none" } as const;
    await finish(own.spawn({ ...options, argv: ["/bin/true"] }));
    expect(await systemProcesses({ ledger: path }).endLeftovers()).toBe(0);
    const unwritable = systemProcesses({ ledger: "/proc/no/such/ledger" });
    expect((await finish(unwritable.spawn({ ...options, argv: ["/bin/true"] }))).code).toBe(0);
    expect(existsSync("/proc/no")).toBe(false);
  });
});
