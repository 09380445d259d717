import assert from "node:assert/strict";
import { test } from "node:test";
import { type CapturedOptions, capturedIo } from "../../tests/surface/captured-io.ts";
import { sampleModule } from "../../tests/surface/sample-module.ts";
import { directClient, nobody, sampleKernel } from "../../tests/surface/sample-node.ts";
import { OperoneError } from "../kernel/error.ts";
import { parseDuration, runCli } from "./cli.ts";
import type { OperationClient } from "./client.ts";

const kernel = await sampleKernel();
const direct = directClient(kernel.view, "cli");
const commands = [{ words: "up", summary: "Run a node" }];

async function run(argv: readonly string[], options: CapturedOptions = {}, client: OperationClient = direct) {
  const io = capturedIo(options);
  const exit = await runCli({
    argv,
    table: kernel.view.table,
    modules: [sampleModule],
    commands,
    client,
    io,
  });
  return { exit, out: io.out(), err: io.err(), bytes: io.outBytes(), files: io.files };
}

test("a value is text for people and plain JSON when asked for", async () => {
  assert.deepEqual(await run(["sample", "add", "1", "2"]).then(({ out, exit }) => [out, exit]), ["3\n", 0]);
  assert.equal((await run(["sample", "add", "1", "2", "--json"])).out, '{"sum":3}\n');
  const echo = await run(["echo", "a", "--ratio", "0.5", "--deep"]);
  assert.equal(echo.out, "text:  a\ncount: 3\nratio: 0.5\ndeep:  true\nlevel: info\n");
});

test("items are a line each, and the last one may decide the exit code", async () => {
  assert.deepEqual(await run(["sample", "count", "3"]).then(({ out, exit }) => [out, exit]), [
    "n=1\nn=2\nn=3\n",
    1,
  ]);
  assert.equal((await run(["--json", "sample", "count", "2"])).out, '{"n":1}\n{"n":2}\n');
});

test("an error after the first item comes after the items", async () => {
  const { exit, out, err } = await run(["sample", "count", "3", "--fail-at", "2"]);
  assert.deepEqual([exit, out], [6, "n=1\n"]);
  assert.equal(err, "operone: Counting failed at 2 (conflict)\n");
});

test("an error is one line, a hint where the input is wrong, and JSON when asked for", async () => {
  const plain = await run(["sample", "refuse", "--code", "not_found", "--message", "no\nsuch\x1b thing"]);
  assert.deepEqual([plain.exit, plain.err], [5, "operone: no such\\x1b thing (not_found)\n"]);
  const json = await run(["sample", "refuse", "--code", "conflict", "--message", "m", "--json"]);
  assert.deepEqual(JSON.parse(json.err), {
    error: { code: "conflict", message: "m", details: { code: "conflict" } },
  });
  const invalid = await run(["sample", "add", "1", "x"]);
  assert.equal(invalid.exit, 2);
  assert.match(invalid.err, /b: Invalid type.*\n {2}"operone sample add --help" shows what it takes\n$/);
});

test("a word --json after -- asks for nothing", async () => {
  const { err } = await run(["sample", "add", "--", "--json"]);
  assert.match(err, /^operone: /);
});

test("an unknown module, operation or option names the nearest known one", async () => {
  const cases = [
    [["sampel", "add"], 5, 'did you mean "operone sample"?'],
    [["sample", "ad"], 5, 'did you mean "operone sample add"?'],
    [["upp"], 5, 'did you mean "operone up"?'],
    [["zzzzzz"], 5, '"operone --help" lists what there is'],
    [["--jsno", "sample"], 2, "did you mean --json?"],
    [["sample", "add", "--jsno"], 2, "did you mean --json?"],
    [["sample", "far"], 5, 'There is no command "sample far"'],
  ] as const;
  for (const [argv, exit, part] of cases) {
    const result = await run(argv);
    assert.equal(result.exit, exit, argv.join(" "));
    assert.ok(result.err.includes(part), result.err);
    assert.equal(result.out, "");
  }
});

test("an operation may give all its failures one exit code, but Ctrl-C keeps its own", async () => {
  assert.equal((await run(["sample", "crash"])).exit, 125);
  assert.equal((await run(["sample", "crash", "--nope"])).exit, 125);
  assert.equal((await run(["sample", "crash"], { signal: AbortSignal.abort() })).exit, 130);
});

test("an unexpected failure tells nothing of the inside", async () => {
  const { err } = await run(["sample", "crash"]);
  assert.doesNotMatch(err, /secret detail/);
});

test("a missing permission is forbidden", async () => {
  const { exit, err } = await run(["sample", "add", "1", "2"], {}, directClient(kernel.view, "cli", nobody));
  assert.equal(exit, 4);
  assert.match(err, /"sample.use".* is not granted to token none/);
});

test("bytes go raw to a pipe, to a file, and as text to a terminal", async () => {
  assert.equal((await run(["sample", "file", "--size-bytes", "100000"])).bytes.length, 100_000);
  const saved = await run(["sample", "file", "--size-bytes=10", "--output", "f"]);
  assert.deepEqual([saved.out, saved.files.get("f")?.length], ["", 10]);
  const text = await run(["sample", "file", "--size-bytes=10"], { tty: { stdout: true } });
  assert.equal(text.bytes.length, 10);
});

test("of many nodes each line is one node's, whatever that calls itself or says", async () => {
  const asked: unknown[] = [];
  const many: OperationClient = {
    async call(_operation, _input, { node } = {}) {
      asked.push(node);
      async function* items() {
        yield { node: "pi\x1b[2J\nroot", value: { sum: 3 } };
        yield { node: "nas", error: { code: "unavailable", message: "gone\x1b[1A\nfine: 4" } };
        yield { node: "box", error: { code: "of a newer version", message: "no" } };
        yield { node: "pc", value: { sum: 4 } };
      }
      return { gives: "items", callId: "c", items: items() };
    },
  };
  const add = ["sample", "add", "1", "2", "--node", "all"];
  const { exit, out, err } = await run(add, {}, many);
  assert.deepEqual([exit, asked], [15, ["all"]]);
  assert.equal(out, "pi\\x1b[2J\\nroot: 3\npc: 4\n");
  assert.equal(err, "nas: gone\\x1b[1A\\nfine: 4 (unavailable)\nbox: no (of a newer version)\n");
  const json = await run([...add, "--json"], {}, many);
  assert.equal(json.out.trim().split("\n").length, 4);
  assert.equal(json.err, "");
});

test("where one node is enough, 1 means that none was, and a failure stays one", async () => {
  const exitOf = (...items: object[]) => {
    const client: OperationClient = {
      call: async () => ({
        gives: "items",
        callId: "c",
        items: (async function* () {
          yield* items;
        })(),
      }),
    };
    return run(["sample", "add", "1", "2", "--node", "all"], {}, client).then(({ exit }) => exit);
  };
  const [no, yes] = [
    { node: "pi", value: { sum: 4 } },
    { node: "nas", value: { sum: 3 } },
  ];
  const gone = { node: "pc", error: { code: "unavailable", message: "gone" } };
  assert.deepEqual([await exitOf(no, yes), await exitOf(no), await exitOf(yes, gone)], [0, 1, 15]);
});

test("binary bytes are not written to a terminal", async () => {
  const { exit, out, err } = await run(["sample", "file", "--size-bytes=10", "--no-text"], {
    tty: { stdout: true },
  });
  assert.deepEqual([exit, out], [2, ""]);
  assert.match(err, /--output "\u00e4 b.txt"/);
  assert.equal(kernel.view.callsInFlight(), 0);
});

test("bytes come in from stdin or a file", async () => {
  const piped = await run(["sample", "store", "n", "--json"], { stdin: "abc" });
  assert.equal(JSON.parse(piped.out).sizeBytes, 3);
  const file = await run(["sample", "store", "n", "--json", "--stdin-file=f"], { files: { f: "abcd" } });
  assert.equal(JSON.parse(file.out).sizeBytes, 4);
});

test("whoever is asked for bytes at a terminal is told so", async () => {
  const { err } = await run(["sample", "store", "n"], { stdin: "abc", tty: { stdin: true } });
  assert.match(err, /end with Ctrl-D/);
});

test("messages are JSON values, one a line; a line that is none is named", async () => {
  const good = await run(["sample", "chat", "--json"], { stdin: '{"say":"a"}\n\n{"say":"b"}' });
  assert.equal(good.out, '{"heard":"hello"}\n{"heard":"a"}\n{"heard":"b"}\n');
  const bad = await run(["sample", "chat"], { stdin: '{"say":"a"}\nsay b\n' });
  assert.equal(bad.exit, 2);
  assert.match(bad.err, /Line 2 of the messages is no JSON value: "say b"/);
});

test("--input gives the whole input, from stdin too, and options go on top", async () => {
  assert.equal(
    (await run(["sample", "add", "--input", '{"a":1,"b":2}', "--b=5", "--json"])).out,
    '{"sum":6}\n',
  );
  assert.equal(
    (await run(["sample", "add", "--input=-", "--json"], { stdin: '{"a":1,"b":2}' })).out,
    '{"sum":3}\n',
  );
  assert.equal((await run(["sample", "add", "--input", "{"])).exit, 2);
  assert.equal((await run(["sample", "add", "--input", "[]", "--b=5"])).exit, 2);
  const both = await run(["sample", "store", "--input=-"], { stdin: "{}" });
  assert.match(both.err, /stdin cannot give both/);
});

test("--timeout cancels a call that takes longer", async () => {
  const { exit, err } = await run(["sample", "slow", "--timeout", "5ms"]);
  assert.equal(exit, 16);
  assert.match(err, /was not done within 5 ms/);
  assert.equal((await run(["sample", "slow", "--timeout", "5"])).exit, 2);
  assert.deepEqual(
    ["500ms", "5s", "2m", "1h", "0.5s"].map(parseDuration),
    [500, 5_000, 120_000, 3_600_000, 500],
  );
  for (const text of ["", "5", "s", "-1s", "0s", "1d", "1e9h", "600h"])
    assert.throws(() => parseDuration(text), OperoneError, text);
});

test("Ctrl-C cancels the call without a word and exits with 130", async () => {
  const controller = new AbortController();
  const ended = run(["sample", "slow"], { signal: controller.signal });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(kernel.view.callsInFlight(), 1);
  controller.abort();
  const { exit, err } = await ended;
  assert.deepEqual([exit, err], [130, ""]);
  assert.equal(kernel.view.callsInFlight(), 0);
});

test("a reader that has seen enough ends the call without a word", async () => {
  const { exit, err } = await run(["sample", "forever"], { stdoutBytesMax: 10 });
  assert.deepEqual([exit, err], [0, ""]);
  assert.equal(kernel.view.callsInFlight(), 0);
});

test("progress is a line that is written over, for people alone", async () => {
  const shown = await run(["sample", "add", "1", "2"], { tty: { stderr: true } });
  assert.equal(shown.err, "\r\x1b[K[##########----------] 50 %  1 of 2 numbers\r\x1b[K");
  assert.equal((await run(["sample", "add", "1", "2", "--json"], { tty: { stderr: true } })).err, "");
  assert.equal((await run(["sample", "add", "1", "2"])).err, "");
});

test("colours are for terminals, and NO_COLOR turns them off", async () => {
  const colored = async (environment: Readonly<Record<string, string>>, stdout: boolean) =>
    (await run(["echo", "a"], { environment, tty: { stdout } })).out.includes("\x1b[");
  assert.equal(await colored({}, true), true);
  assert.equal(await colored({ NO_COLOR: "1" }, true), false);
  assert.equal(await colored({ NO_COLOR: "" }, true), true);
  assert.equal(await colored({ TERM: "dumb" }, true), false);
  assert.equal(await colored({}, false), false);
});

test("the node, the key and nothing else are passed on", async () => {
  const calls: unknown[] = [];
  const client: OperationClient = {
    async call(operation, input, { signal: _, ...options } = {}) {
      calls.push([operation, input, options]);
      return { gives: "value", callId: "c", value: { sum: 0 } };
    },
  };
  await run(["--node", "pi", "sample", "add", "1", "2", "--idempotency-key=k"], {}, client);
  assert.deepEqual(calls, [["sample.add", { a: 1, b: 2 }, { node: "pi", idempotencyKey: "k" }]]);
});
