import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperoneError } from "../../src/kernel/error.ts";
import { endless, growth, until } from "../../tests/shell/processes.ts";
import { shellNode } from "../../tests/shell/shell-node.ts";

const _linux = process.platform === "linux";
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

describe("input", () => {
  test("hundreds of megabytes of stdin are counted with the memory flat", async () => {
    await using node = await shellNode();
    const part = new Uint8Array(1_000_000);
    const memory = growth(100_000_000);
    const source = async function* () {
      for (let index = 0; index < 500; index++) {
        yield part;
        memory.look(index * part.length);
      }
    };
    const { stdout } = await node.run({ argv: ["wc", "-c"] }, { bytes: source() });
    expect(stdout.toString().trim()).toBe("500000000");
    expect(memory.grownBytes()).toBeLessThan(350_000_000);
  }, 30_000);

  test("a hundred megabytes through cat come back whole", async () => {
    await using node = await shellNode();
    const source = async function* () {
      for (let index = 0; index < 100; index++) yield new Uint8Array(1_000_000).fill(index);
    };
    const { stdout } = await node.run({ argv: ["cat"] }, { bytes: source() });
    expect(stdout.length).toBe(100_000_000);
    expect([stdout[0], stdout[55_500_000], stdout[99_999_999]]).toEqual([0, 55, 99]);
  }, 30_000);

  test("a command that closes its stdin, or exits without reading, ends the caller's bytes", async () => {
    await using node = await shellNode();
    let returned = 0;
    const source = async function* () {
      try {
        yield* endless();
      } finally {
        returned += 1;
      }
    };
    const closed = await node.run(sh("exec 0<&-; sleep 0.1; echo on"), { bytes: source() });
    expect(closed.stdout.toString()).toBe("on\n");
    expect((await node.run({ argv: ["true"] }, { bytes: source() })).exit.code).toBe(0);
    await until(() => returned === 2);
  });

  test("a caller whose bytes break off ends the command: half a stdin is never taken for the whole", async () => {
    await using node = await shellNode();
    const marker = join(folder, "whole");
    const broken = async function* () {
      yield Buffer.from("half");
      await Bun.sleep(50);
      throw new OperoneError("cancelled", "the upload broke off");
    };
    const running = node.run(sh(`cat >/dev/null && echo whole > ${marker}`), { bytes: broken() });
    await expect(running).rejects.toMatchObject({ code: "cancelled" });
    await Bun.sleep(50);
    expect(() => readFileSync(marker)).toThrow();
  });

  test("a source that never gives anything does not hold a command that is done", async () => {
    await using node = await shellNode();
    const silent: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    };
    expect((await node.run({ argv: ["true"] }, { bytes: silent })).exit.code).toBe(0);
  });
});

describe("interact", () => {
  const messages = async function* (...list: readonly unknown[]) {
    for (const message of list) yield message;
  };
  const operation = "shell.interact";

  test("text and base64 go to stdin, and the end of the messages ends it", async () => {
    await using node = await shellNode();
    const sent = messages({ stdin: "añ" }, { stdinBase64: "/wA=" });
    const { stdout } = await node.run({ argv: ["cat"] }, { operation, messages: sent });
    expect([...stdout]).toEqual([...Buffer.from("añ"), 0xff, 0]);
  });

  test("close ends stdin while the messages go on, and what is sent after it is dropped", async () => {
    await using node = await shellNode();
    const hold = Promise.withResolvers<void>();
    const sent = async function* () {
      yield { stdin: "x" };
      yield { close: true };
      yield { stdin: "y" };
      await hold.promise;
    };
    const { stdout } = await node.run({ argv: ["cat"] }, { operation, messages: sent() });
    expect(stdout.toString()).toBe("x");
    hold.resolve();
  });

  test("a signal overtakes stdin that the command does not read", async () => {
    await using node = await shellNode();
    const big = "x".repeat(900_000);
    const sent = async function* () {
      yield { stdin: big };
      yield { signal: "SIGINT" };
      await new Promise(() => {});
    };
    const { exit } = await node.run({ argv: ["sleep", "60"] }, { operation, messages: sent() });
    expect(exit).toMatchObject({ code: null, signal: "SIGINT", reason: "exited" });
  });

  test("a command that reads nothing holds back who writes to it", async () => {
    await using node = await shellNode();
    let takenBytes = 0;
    const sent = async function* () {
      for (;;) {
        yield { stdin: "x".repeat(100_000) };
        takenBytes += 100_000;
      }
    };
    const running = node.run({ argv: ["sleep", "0.5"] }, { operation, messages: sent() });
    await until(() => takenBytes >= 1_000_000);
    await Bun.sleep(100);
    // What waits, one message, and what the pipe holds. What comes when the command has gone is thrown away.
    expect(takenBytes).toBeLessThan(2_500_000);
    expect((await running).exit.code).toBe(0);
  });

  test("messages without end to a command that takes none, or that is gone, hold nobody up", async () => {
    await using node = await shellNode();
    for (const script of ["exec 0<&-; sleep 0.1; echo on", "echo on"]) {
      for (const message of [{ stdin: "x" }, { close: true }, { signal: "SIGHUP" }]) {
        const sent = async function* () {
          for (;;) yield message;
        };
        const input = sh(`trap "" HUP; ${script}`);
        const { stdout } = await node.run(input, { operation, messages: sent() });
        expect(["on\n", ""]).toContain(stdout.toString());
      }
    }
  });

  test("a message of another form ends the command", async () => {
    await using node = await shellNode();
    const running = node.run({ argv: ["cat"] }, { operation, messages: messages({ signal: "SIGSTOP" }) });
    await expect(running).rejects.toMatchObject({ code: "invalid_input" });
  });
});
