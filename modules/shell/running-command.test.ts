import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { partsOfText } from "../../src/kernel/byte-text.ts";
import { alive, chunks, growth, pidsFrom, until } from "../../tests/shell/processes.ts";
import { outcomeOf, shellNode } from "../../tests/shell/shell-node.ts";

const linux = process.platform === "linux";
let folder = "";
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-shell-")));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sh = (script: string, more: Readonly<Record<string, unknown>> = {}) => ({
  argv: ["sh", "-c", script],
  workingDirectory: folder,
  killGraceMs: 300,
  ...more,
});

describe("output", () => {
  test("stdout, stderr and the exit come as items, the exit last", async () => {
    await using node = await shellNode();
    const { stdout, stderr, exit, items } = await node.run(sh("echo out; echo err >&2; exit 3"));
    expect([stdout.toString(), stderr.toString()]).toEqual(["out\n", "err\n"]);
    expect(exit).toMatchObject({ code: 3, signal: null, reason: "exited" });
    expect(exit.durationMs).toBeGreaterThan(0);
    expect(items.at(-1)).toEqual({ exit });
  });

  test("every byte value comes back exactly, and so do characters that are cut between chunks", async () => {
    await using node = await shellNode();
    const all = Uint8Array.from({ length: 256 * 100 }, (_, index) => index % 256);
    const binary = await node.run({ argv: ["cat"] }, { bytes: chunks(all) });
    expect(binary.stdout.equals(Buffer.from(all))).toBe(true);

    const text = "añ€😀\u{feff}".repeat(2_000);
    const cut = Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte));
    const echoed = await node.run({ argv: ["cat"] }, { bytes: chunks(Buffer.from(`\u{feff}${text}`)) });
    expect(echoed.items.every((item) => !("base64" in item))).toBe(true);
    expect(echoed.stdout.toString()).toBe(`\u{feff}${text}`);
    const dribbled = await node.run({ argv: ["cat"] }, { bytes: chunks(...cut.slice(0, 300)) });
    expect(dribbled.stdout.equals(Buffer.concat(cut.slice(0, 300)))).toBe(true);
  });

  test("a slow reader holds a huge output back, and the memory stays flat", async () => {
    await using node = await shellNode();
    const bytes = 600_000_000;
    const iterator = await node.items({
      argv: ["head", "-c", String(bytes), "/dev/zero"],
      outputBytesMax: bytes,
    });
    const memory = growth(100_000_000);
    let seen = 0;
    let rounds = 0;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      if ("text" in next.value) for (const part of partsOfText(next.value.text, "utf8")) seen += part.length;
      if (rounds++ < 100) await Bun.sleep(2);
      memory.look(seen);
    }
    expect(seen).toBe(bytes);
    // Without back-pressure it would be all of it; the collector takes its time with what has passed.
    expect(memory.grownBytes()).toBeLessThan(400_000_000);
  }, 30_000);

  test("a command that keeps its pipe open in the background after its exit ends with its group", async () => {
    await using node = await shellNode();
    const iterator = await node.items(sh("sleep 60 & echo $!"));
    const [pid = 0] = await pidsFrom(iterator, 1);
    const { exit } = await outcomeOf(iterator);
    expect(exit).toMatchObject({ code: 0, reason: "exited" });
    await until(() => !alive(pid));
  });

  test("what is left silent in the group goes too, after the answer", async () => {
    await using node = await shellNode();
    const { stdout, exit } = await node.run(sh("sleep 60 >/dev/null 2>&1 & echo $!"));
    expect(exit).toMatchObject({ code: 0, reason: "exited" });
    await until(() => !alive(Number(stdout.toString())));
  });

  test("its place is free as soon as what it left running has ended by itself", async () => {
    await using node = await shellNode({ commandsMax: 1, killGraceMsDefault: 60_000 });
    const input = { argv: ["sh", "-c", "sleep 0.3 >/dev/null 2>&1 & exit 0"] };
    expect((await node.run(input)).exit.code).toBe(0);
    await expect(node.run({ argv: ["true"] })).rejects.toMatchObject({ code: "limited" });
    for (let rounds = 0; ; rounds++) {
      const again = await node.run({ argv: ["true"] }).catch(() => undefined);
      if (again?.exit.code === 0) break;
      if (rounds > 300) throw new Error("the place was never given back");
      await Bun.sleep(10);
    }
  });

  test("the last part of a pipeline may still write after the command's own exit", async () => {
    await using node = await shellNode();
    const { stdout } = await node.run(sh("(sleep 0.2; echo late) & exit 0", { killGraceMs: 3_000 }));
    expect(stdout.toString()).toBe("late\n");
  });

  test("a daemon that goes on writing to the pipe holds the call until its time is over", async () => {
    if (!linux) return;
    await using node = await shellNode();
    const chatty = `setsid sh -c 'echo $$; while sleep 0.05; do echo x || exit; done' & sleep 0.2; exit 4`;
    const iterator = await node.items(sh(chatty, { timeoutMs: 1_000 }));
    const [pid = 0] = await pidsFrom(iterator, 1);
    expect((await outcomeOf(iterator)).exit).toMatchObject({ code: 4, reason: "timeout" });
    await until(() => !alive(pid));
  });

  test("a daemon that holds the pipe cannot hold the call", async () => {
    if (!linux) return;
    await using node = await shellNode();
    const iterator = await node.items(sh("setsid sh -c 'echo $$; exec sleep 20' & sleep 0.2; exit 4"));
    const [pid = 0] = await pidsFrom(iterator, 1);
    expect((await outcomeOf(iterator)).exit).toMatchObject({ code: 4, reason: "exited" });
    // Nothing but a sandbox finds it: it left the group, and its parent is dead.
    if (alive(pid)) process.kill(pid, "SIGKILL");
  });
});
