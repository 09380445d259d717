import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simulatedClock } from "../kernel/simulated.ts";
import { type LogOptions, openLog } from "./log.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "operone-log-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const clock = simulatedClock();
const open = (options: Partial<LogOptions> = {}) => openLog({ clock, level: "info", ...options });
const lines = (path: string) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

describe("levels and memory", () => {
  test("entries below the level are not kept, and the level can change while it runs", () => {
    const { log, book } = open();
    log.debug("hidden");
    log.warn("seen", { answer: 42 });
    book.setLevel("debug");
    log.debug("seen too");
    expect(book.level()).toBe("debug");
    expect(book.tail(10).map(({ message }) => message)).toEqual(["seen", "seen too"]);
    expect(book.tail(2)[0]).toEqual({
      atMs: clock.nowMs(),
      level: "warn",
      message: "seen",
      fields: { answer: 42 },
    });
  });

  test("the newest entries stay, oldest first, and never more than the limit", () => {
    const { log, book } = open({ limits: { entriesMax: 5 } });
    for (let index = 0; index < 12; index++) log.info(String(index));
    expect(book.tail(100).map(({ message }) => message)).toEqual(["7", "8", "9", "10", "11"]);
    expect(book.tail(2).map(({ message }) => message)).toEqual(["10", "11"]);
    expect(book.tail(0)).toEqual([]);
  });
});

describe("what must not be in the log", () => {
  const token = `opo_${"A".repeat(43)}`;

  test("tokens are masked in messages, in fields, deep inside, in errors and when cut in two", () => {
    const { log, book } = open();
    log.error(`refused ${token}`, {
      url: `http://x/?t=opt_${"b".repeat(43)}`,
      deep: { list: [`bearer ${token}`] },
      error: new Error(`saw ${token}`),
      long: `${"x".repeat(2_030)}${token}`,
    });
    expect(JSON.stringify(book.tail(1))).not.toMatch(/op[ot]_[A-Za-z0-9]{3}/);
    expect(book.tail(1)[0]?.message).toBe("refused opo_[redacted]");
  });

  test("a field whose name looks like a secret is masked, facts about a secret are not", () => {
    const { log, book } = open();
    log.info("x", {
      password: "hunter2",
      apiKey: "k",
      headers: { Authorization: "Bearer x", "set-cookie": ["a"] },
      tokens: 3,
      tokenId: "t1",
      secretName: "db",
      database: "postgres://me:pw@host/db",
    });
    const [entry] = book.tail(1);
    expect(entry?.fields).toEqual({
      password: "[redacted]",
      apiKey: "[redacted]",
      headers: { Authorization: "[redacted]", "set-cookie": "[redacted]" },
      tokens: 3,
      tokenId: "t1",
      secretName: "db",
      database: "postgres://[redacted]@host/db",
    });
  });

  test("huge, deep, wide and cyclic fields become small lines", () => {
    const { log, book } = open();
    const cyclic: Record<string, unknown> = { name: "x" };
    cyclic.self = cyclic;
    const wide = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [`k${index}`, "v".repeat(100)]),
    );
    log.info("m".repeat(1_000_000), {
      cyclic,
      wide: [wide, wide, wide],
      huge: "x".repeat(10_000_000),
      bytes: new Uint8Array(1_000_000),
      big: 10n,
      nothing: undefined,
      infinite: Number.POSITIVE_INFINITY,
    });
    expect(JSON.stringify(book.tail(1)).length).toBeLessThan(40_000);
    expect(book.tail(1)[0]?.fields).toMatchObject({
      bytes: "1000000 bytes",
      big: "10",
      infinite: "Infinity",
    });
  });

  test("a field that throws when it is read does not throw at whoever logs", () => {
    const { log, book } = open();
    const trap = {
      get bad(): string {
        throw new Error("no");
      },
    };
    log.warn("still said", { trap });
    expect(book.tail(1)[0]?.message).toBe("still said");
  });
});

describe("the foreground", () => {
  const said = (isTTY: boolean) => {
    const written: string[] = [];
    const stream = { isTTY, write: (line: string) => void written.push(line) };
    open({ stream }).log.info("two\nlines \u001b[2J\u009b", { name: "a b", id: "x" });
    return written.join("");
  };

  test("a program reads one JSON object a line", () => {
    const text = said(false);
    expect(text.endsWith("\n")).toBe(true);
    expect(JSON.parse(text)).toEqual({
      at: new Date(clock.nowMs()).toISOString(),
      level: "info",
      message: "two\nlines \u001b[2J\u009b",
      fields: { name: "a b", id: "x" },
    });
    expect(text.trimEnd()).not.toContain("\n");
  });

  test("a person reads one line that cannot steer the terminal", () => {
    const text = said(true);
    expect(text).toContain(String.raw`two\u000alines \u001b[2J\u009b name="a b" id=x`);
    expect(text.trimEnd()).not.toContain("\n");
  });
});

describe("the file", () => {
  test("lines are written in order, privately, when the turn ends or at once for an error", async () => {
    const file = join(folder, "order", "node.log");
    const opened = open({ file });
    opened.log.info("one");
    opened.log.info("two", { a: 1 });
    opened.log.error("three");
    expect(lines(file).map(({ message }) => message)).toEqual(["one", "two", "three"]);
    opened.log.info("four");
    opened.close();
    opened.log.info("after the close");
    expect(lines(file).map(({ message }) => message)).toEqual(["one", "two", "three", "four"]);
    if (process.platform !== "win32") {
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(statSync(join(folder, "order")).mode & 0o777).toBe(0o700);
    }
  });

  test("it is rotated by size, the oldest goes, and no line is lost in between", () => {
    const file = join(folder, "rotated", "node.log");
    const { log, flush, close } = open({ file, limits: { fileBytesMax: 1_000, filesMax: 3 } });
    for (let index = 0; index < 100; index++) {
      log.info(`line ${index}`);
      flush();
    }
    close();
    expect(readdirSync(join(folder, "rotated")).toSorted()).toEqual(["node.1.log", "node.2.log", "node.log"]);
    const names = ["node.2.log", "node.1.log", "node.log"].map((name) => join(folder, "rotated", name));
    for (const name of names) expect(statSync(name).size).toBeLessThanOrEqual(1_000);
    const messages = names.flatMap((name) => lines(name)).map(({ message }) => message);
    const first = 100 - messages.length;
    expect(messages).toEqual(Array.from({ length: messages.length }, (_, index) => `line ${first + index}`));
  });

  test("a later node goes on in the same file", () => {
    const file = join(folder, "again", "node.log");
    for (const message of ["first", "second"]) {
      const { log, close } = open({ file });
      log.info(message);
      close();
    }
    expect(lines(file).map(({ message }) => message)).toEqual(["first", "second"]);
  });

  test("a full disk loses lines, not the node, and the loss is told when there is room again", async () => {
    if (process.platform !== "linux") return;
    const place = join(folder, "full");
    const file = join(place, "node.log");
    mkdirSync(place);
    symlinkSync("/dev/full", file);
    const { log, flush, book } = open({ file, limits: { retryMs: 1_000 } });
    log.info("lost");
    flush();
    rmSync(file);
    log.info("lost too, before it is tried again");
    flush();
    expect(readdirSync(place)).toEqual([]);
    await clock.advance(1_000);
    log.info("kept");
    flush();
    flush();
    expect(lines(file).map(({ message }) => message)).toEqual([
      "kept",
      "Lines of the log could not be written",
    ]);
    expect(book.tail(1)[0]?.fields).toMatchObject({ lines: 2 });
    expect(book.tail(10).map(({ message }) => message)).toContain("lost");
  });
});

describe("following", () => {
  const take = async (source: AsyncIterable<{ readonly message: string }>, count: number) => {
    const messages: string[] = [];
    for await (const { message } of source) {
      messages.push(message);
      if (messages.length === count) break;
    }
    return messages;
  };

  test("a follower gets what is said from its call on, in order", async () => {
    const { log, book } = open();
    log.info("before");
    const following = book.follow(new AbortController().signal);
    log.info("one");
    const taken = take(following, 3);
    log.info("two");
    await clock.advance(0);
    log.info("three");
    expect(await taken).toEqual(["one", "two", "three"]);
  });

  test("it ends when its signal aborts, even while it waits", async () => {
    const { book } = open();
    const abort = new AbortController();
    const taken = take(book.follow(abort.signal), 1);
    await clock.advance(0);
    abort.abort();
    expect(await taken).toEqual([]);
  });

  test("a reader that falls behind loses the oldest entries and is told so", async () => {
    const { log, book } = open({ limits: { followerEntriesMax: 3 } });
    const following = book.follow(new AbortController().signal);
    for (let index = 0; index < 10; index++) log.info(String(index));
    expect(await take(following, 4)).toEqual(["This reader was too slow and lost entries", "7", "8", "9"]);
  });

  test("the number of followers is limited, and a follower that ended leaves room", async () => {
    const { book } = open({ limits: { followersMax: 1 } });
    const abort = new AbortController();
    book.follow(abort.signal);
    expect(() => book.follow(abort.signal)).toThrow("1 readers follow the log");
    abort.abort();
    book.follow(new AbortController().signal);
  });
});
