import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { type ConfigInput, configSchema, resolveConfig } from "./config.ts";
import type { ConfigProblem } from "./config-layers.ts";
import { type ConfigMigration, migrateConfig } from "./config-migrate.ts";
import { environmentName, leavesOf, typedValue } from "./config-shape.ts";
import { OperoneError } from "./error.ts";

const port = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)), 6737);
const modules = [
  {
    id: "http",
    config: v.pipe(
      v.strictObject({
        port,
        hosts: v.optional(v.array(v.string()), []),
        limits: v.optional(v.strictObject({ bodyBytesMax: v.optional(v.number(), 1024) }), {}),
        tls: v.optional(v.boolean(), false),
        remote: v.optional(v.boolean(), false),
      }),
      v.forward(
        v.check((http) => !http.remote || http.tls, "needs tls = true beside it"),
        ["remote"],
      ),
    ),
  },
  {
    id: "log-book",
    config: v.strictObject({
      level: v.optional(v.picklist(["debug", "info"]), "info"),
      password: v.optional(v.string(), ""),
      passwordFile: v.optional(v.string(), ""),
      rules: v.optional(v.record(v.string(), v.strictObject({ keep: v.number() })), {}),
    }),
  },
];

function resolve(layers: ConfigInput["layers"]) {
  return resolveConfig({ modules, layers });
}

function problemsOf(layers: ConfigInput["layers"]): { problems: readonly ConfigProblem[]; message: string } {
  try {
    resolve(layers);
  } catch (error) {
    assert.ok(error instanceof OperoneError);
    assert.equal(error.code, "invalid_input");
    return { problems: error.details?.problems as ConfigProblem[], message: error.message };
  }
  assert.fail("the configuration was accepted");
}

const file = (values: unknown) => ({ source: "config.toml", values });
const environment = (values: Record<string, string>) => ({ source: "environment", environment: values });
const flags = (...settings: string[]) => ({ source: "--set", settings });

test("with no layers every key has its default and says so", () => {
  const { values, entries } = resolve([]);
  assert.deepEqual(values.http, {
    port: 6737,
    hosts: [],
    limits: { bodyBytesMax: 1024 },
    tls: false,
    remote: false,
  });
  assert.equal(
    entries.every((entry) => entry.source === "default"),
    true,
  );
});

test("the file is overridden by the environment and that by flags, and each key names its source", () => {
  const { values, entries } = resolve([
    file({ version: 1, http: { port: 1, tls: true, limits: { bodyBytesMax: 7 } } }),
    environment({ OPERONE_HTTP_PORT: "2", OPERONE_HTTP_LIMITS_BODY_BYTES_MAX: "9", PATH: "/bin" }),
    flags("http.port=3"),
  ]);
  assert.deepEqual(values.http, {
    port: 3,
    tls: true,
    hosts: [],
    limits: { bodyBytesMax: 9 },
    remote: false,
  });
  const sources = Object.fromEntries(entries.map((entry) => [entry.key, entry.source]));
  assert.equal(sources["http.port"], "--set http.port");
  assert.equal(sources["http.limits.bodyBytesMax"], "environment OPERONE_HTTP_LIMITS_BODY_BYTES_MAX");
  assert.equal(sources["http.tls"], "config.toml");
  assert.equal(sources["http.hosts"], "default");
});

test("an unknown key names the file, its line and the nearest known key", () => {
  const layer = { ...file({ http: { prot: 1 } }), lineOf: () => 4 };
  const { problems, message } = problemsOf([layer]);
  assert.equal(problems[0]?.suggestion, "http.port");
  assert.match(message, /config\.toml line 4: "http\.prot" is not a key; did you mean "http\.port"\?/);
});

test("an unknown table suggests the nearest table", () => {
  assert.equal(problemsOf([file({ htpt: {} })]).problems[0]?.suggestion, "http");
});

test("a key in a wrong table suggests the table that has it", () => {
  assert.equal(
    problemsOf([file({ http: { bodyBytesMax: 3 } })]).problems[0]?.suggestion,
    "http.limits.bodyBytesMax",
  );
});

test("names that every object inherits are unknown keys like any other", () => {
  const hostile = JSON.parse('{"__proto__": {"x": 1}, "constructor": {}, "http": {"toString": 1}}');
  assert.deepEqual(
    problemsOf([file(hostile)]).problems.map((problem) => problem.key),
    ["__proto__", "constructor", "http.toString"],
  );
});

test("all problems of all layers are told at once", () => {
  const { problems, message } = problemsOf([
    file({ http: { port: 70_000, limits: 3 }, nope: {} }),
    environment({ OPERONE_HTTP_PROT: "1", OPERONE_LOG_BOOK_LEVEL: "loud" }),
    flags("http.tls=perhaps", "http.tsl=true", "http.tls"),
  ]);
  assert.deepEqual(
    problems.map((problem) => problem.key),
    [
      "http.limits",
      "nope",
      "http.port",
      "OPERONE_HTTP_PROT",
      "log-book.level",
      "http.tsl",
      "http.tls",
      "http.tls",
    ],
  );
  assert.match(message, /8 problems/);
  assert.match(message, /70000/);
});

test("a value that a higher layer overrides must be right all the same", () => {
  assert.equal(
    problemsOf([file({ http: { port: "x" } }), flags("http.port=1")]).problems[0]?.source,
    "config.toml",
  );
});

test("a rule over several keys names the key and where it was set", () => {
  const { problems } = problemsOf([file({ http: { remote: true } })]);
  assert.deepEqual(problems, [
    { source: "config.toml", key: "http.remote", message: "needs tls = true beside it" },
  ]);
});

test("an unknown key inside a value is named with its whole path", () => {
  const { problems } = problemsOf([file({ "log-book": { rules: { a: { keep: 1, kept: 2 } } } })]);
  assert.equal(problems[0]?.key, "log-book.rules.a.kept");
});

test("unknown variables of a module are refused with the nearest name, those of nobody are left alone", () => {
  const { problems } = problemsOf([environment({ OPERONE_HTTP_NONSENSE_WORD: "1", OPERONE_HTP_PORT: "1" })]);
  assert.deepEqual(
    problems.map((problem) => problem.suggestion),
    [undefined, "OPERONE_HTTP_PORT"],
  );
  resolve([
    environment({ OPERONE_HOME: "/x", OPERONE_SERVICE_HOST: "10.0.0.1", OPERONE_PORT: "tcp://10.0.0.1" }),
  ]);
});

test("what looks like a secret is neither explained nor quoted in a refusal", () => {
  const { entries } = resolve([
    file({
      http: { hosts: ["https://ann:hunter2@proxy"] },
      "log-book": { password: "hunter2", passwordFile: "/p" },
    }),
  ]);
  assert.equal(JSON.stringify(entries).includes("hunter2"), false);
  assert.equal(entries.find((entry) => entry.key === "log-book.password")?.value, "(hidden)");
  assert.equal(entries.find((entry) => entry.key === "log-book.passwordFile")?.value, "/p");
  const { message } = problemsOf([file({ "log-book": { password: [123456789] } })]);
  assert.match(message, /"log-book\.password" expected string/);
});

test("strings become what the schema wants", () => {
  const cases: readonly [v.GenericSchema, string, unknown][] = [
    [port, "7_000", 7000],
    [port, "abc", "abc"],
    [v.boolean(), "ON", true],
    [v.picklist([1, 2]), "2", 2],
    [v.literal("x"), "x", "x"],
    [v.array(v.number()), "1, 2", [1, 2]],
    [v.array(v.number()), "[3]", [3]],
    [v.array(v.string()), "", []],
    [v.union([v.literal("*"), v.number()]), "*", "*"],
    [v.union([v.literal("*"), v.number()]), "5", 5],
    [v.record(v.string(), v.number()), '{"a":1}', { a: 1 }],
    [v.string(), "12", "12"],
  ];
  for (const [schema, text, value] of cases) assert.deepEqual(typedValue(schema, text), value, text);
});

test("any number that is written as text comes back as itself", () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      assert.equal(typedValue(v.number(), String(value)), value);
    }),
  );
});

test("environment names come from the keys", () => {
  assert.equal(environmentName(["http", "bodyBytesMax"]), "OPERONE_HTTP_BODY_BYTES_MAX");
  assert.equal(environmentName(["log-book", "level"]), "OPERONE_LOG_BOOK_LEVEL");
});

test("two keys that would share a variable are a programming error", () => {
  const config = v.strictObject({ aB: v.optional(v.string(), ""), a_b: v.optional(v.string(), "") });
  assert.throws(() => leavesOf([{ id: "x", config }]), /share the variable OPERONE_X_A_B/);
});

test("a file of a newer version is refused with the two versions and what to do", () => {
  const { message } = problemsOf([file({ version: 9, whatever: {} })]);
  assert.match(message, /version 9.*up to 1.*upgrade/);
  assert.match(problemsOf([file({ version: "1" })]).message, /version = "1" is not a version/);
});

test("old versions are brought forward step by step, in memory", () => {
  const migrations: readonly ConfigMigration[] = [
    { from: 1, summary: "web is now http", migrate: ({ web, ...rest }) => ({ ...rest, http: web }) },
    { from: 2, summary: "http.tcp is now http.port", migrate: (tables) => rename(tables) },
  ];
  const old = { version: 1, web: { tcp: 5 } };
  const migrated = migrateConfig(old, "config.toml", migrations);
  assert.deepEqual(migrated.tables, { http: { port: 5 } });
  assert.deepEqual(migrated.changes, ["web is now http", "http.tcp is now http.port"]);
  assert.deepEqual(old, { version: 1, web: { tcp: 5 } });
  const { values } = resolveConfig({ modules, migrations, layers: [file(old)] });
  assert.equal((values.http as { port: number }).port, 5);
  assert.equal(migrateConfig({ version: 3 }, "x", migrations).changes.length, 0);
});

function rename(tables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { tcp, ...http } = tables.http as Record<string, unknown>;
  return { ...tables, http: { ...http, port: tcp } };
}

test("the schema of the file accepts what resolving accepts, and nothing else", () => {
  const schema = configSchema(modules);
  assert.equal(v.safeParse(schema, { version: 1, http: { port: 1 } }).success, true);
  assert.equal(v.safeParse(schema, {}).success, true);
  assert.equal(v.safeParse(schema, { version: 2 }).success, false);
  assert.equal(v.safeParse(schema, { htpt: {} }).success, false);
});
