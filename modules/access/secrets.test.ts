import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Authority } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { simulatedClock, simulatedFiles, simulatedLog } from "../../src/kernel/simulated.ts";
import { random, removeNode, startNode, type TestNode, temporaryDirectory } from "../../tests/access/node.ts";
import type { Keyring } from "./keyring.ts";
import { type KeyringMode, SecretKey } from "./secret-key.ts";
import { SecretStore } from "./secret-store.ts";
import { SecretBox } from "./secrets.ts";
import { type AccessDatabases, openAccess } from "./store.ts";

const value = "correct horse battery staple";

describe("on a node", () => {
  let node: TestNode;
  beforeEach(async () => {
    node = await startNode();
  });
  afterEach(() => removeNode(node));

  const set = (name: string, bytes: Uint8Array | string, more = {}) =>
    node.call("access.secret-set", { name, ...more }, { bytes });
  const lengthOf = (name: string, token?: string) =>
    node.call("demo.reveal", { name }, token === undefined ? {} : { token });

  test("a secret goes in as bytes and comes out only inside, also after a restart", async () => {
    await set("deploy/key", value);
    expect(await lengthOf("deploy/key")).toBe(value.length);
    node = await node.restart();
    expect(await lengthOf("deploy/key")).toBe(value.length);
  });

  test("its value is in no answer, no error, no log, no audit record and in no file as plain text", async () => {
    await set("api", value);
    await set("api", `${value}!`);
    const { token } = await node.token({ name: "ci", grant: ['access.secret.use={"names":["other"]}'] });
    const answers = [
      await node.call("access.secret-list"),
      await node.call("access.audit-list"),
      await node.call("access.audit-export"),
      (await node.refused("demo.reveal", { name: "api" }, { token })).message,
      await node.call("access.secret-remove", { name: "api" }),
      node.log.entries,
    ];
    expect(JSON.stringify(answers)).not.toContain(value);
    const key = readFileSync(join(node.directory, "access", "secrets.key"), "utf8").trim();
    expect(JSON.stringify(answers)).not.toContain(key);
    for (const name of readdirSync(node.directory, { recursive: true, encoding: "utf8" })) {
      const path = join(node.directory, name);
      if (!statSync(path).isFile()) continue;
      const bytes = readFileSync(path);
      expect([name, bytes.includes(value)]).toEqual([name, false]);
      if (!name.endsWith("secrets.key")) expect([name, bytes.includes(key)]).toEqual([name, false]);
    }
  });

  test("only a caller who was granted the name may use it, and learns nothing about other names", async () => {
    await set("deploy/key", value);
    await set("deploy/other", value);
    await set("root", value);
    const grant = ['access.secret.use={"names":["deploy/*"]}'];
    const { token } = await node.token({ name: "ci", grant });
    expect(await lengthOf("deploy/key", token)).toBe(value.length);
    expect((await node.refused("demo.reveal", { name: "root" }, { token })).code).toBe("forbidden");
    expect((await node.refused("demo.reveal", { name: "unknown" }, { token })).code).toBe("forbidden");
    expect((await node.refused("demo.reveal", { name: "deploy/unknown" }, { token })).code).toBe("not_found");
    const { token: none } = await node.token({ name: "none", grant: ['access.secret.use={"names":[]}'] });
    expect((await node.refused("demo.reveal", { name: "deploy/key" }, { token: none })).code).toBe(
      "forbidden",
    );
  });

  test("the list has names and dates, and says who holds the key", async () => {
    expect(await node.call("access.secret-list")).toEqual({ secrets: [], keyHolder: "none" });
    await set("a", value);
    const createdAtMs = node.clock.nowMs();
    await node.clock.advance(5);
    await set("a", value);
    const secrets = [{ name: "a", createdAtMs, updatedAtMs: createdAtMs + 5 }];
    expect(await node.call("access.secret-list")).toEqual({ secrets, keyHolder: "file" });
  });

  test("a value has 1 byte to 64 KiB, and any bytes in it", async () => {
    const bytes = random.bytes(64 * 1024);
    await set("big", bytes);
    expect(await lengthOf("big")).toBe(bytes.length);
    const refusals = [
      await node.refused("access.secret-set", { name: "big" }, { bytes: random.bytes(64 * 1024 + 1) }),
      await node.refused("access.secret-set", { name: "big" }, { bytes: "" }),
      await node.refused("access.secret-set", { name: "../big" }, { bytes: "x" }),
    ];
    expect(refusals.map(({ code }) => code)).toEqual(["too_large", "invalid_input", "invalid_input"]);
  });

  test("one line break at the end is left out when that is asked for", async () => {
    await set("a", "abc\n", { trim: true });
    await set("b", "abc\r\n", { trim: true });
    await set("c", "abc\n\n", { trim: true });
    await set("d", "abc\n");
    expect(await Promise.all(["a", "b", "c", "d"].map((name) => lengthOf(name)))).toEqual([3, 3, 4, 4]);
  });

  test("only the owner can read the key", async () => {
    await set("a", value);
    const { mode } = statSync(join(node.directory, "access", "secrets.key"));
    // Windows shows no rights of others in a mode.
    expect(mode & 0o777).toBe(process.platform === "win32" ? 0o666 : 0o600);
  });

  test("a lost or exchanged key is a clear error, and removing the secrets is the way on", async () => {
    await set("a", value);
    const path = join(node.directory, "access", "secrets.key");
    const exchange = async (text?: string) => {
      await node.stop();
      if (text === undefined) rmSync(path);
      else writeFileSync(path, text);
      node = await startNode({}, node.directory);
    };
    await exchange(Buffer.alloc(32, 7).toString("base64url"));
    expect((await node.refused("demo.reveal", { name: "a" })).message).toMatch(/holds another key/);
    await exchange();
    for (const error of [
      await node.refused("demo.reveal", { name: "a" }),
      await node.refused("access.secret-set", { name: "b" }, { bytes: "x" }),
    ]) {
      expect(error.code).toBe("unavailable");
      expect(error.message).toMatch(/secrets.key" does not hold the key.*Restore it.*secret-remove/);
    }
    await node.call("access.secret-remove", { name: "a" });
    await set("b", value);
    expect(await lengthOf("b")).toBe(value.length);
  });

  test("a value that was moved under another name, or changed, does not open", async () => {
    await set("a", value);
    await set("b", "other");
    const client = new Database(join(node.directory, "access", "access.db"));
    const copy =
      "(select nonce from secrets where name = 'a'), sealed = (select sealed from secrets where name = 'a')";
    client.run(`update secrets set nonce = ${copy} where name = 'b'`);
    expect((await node.refused("demo.reveal", { name: "b" })).message).toMatch(/"b" was changed on the disk/);
    client.run("update secrets set sealed = zeroblob(length(sealed)) where name = 'a'");
    expect((await node.refused("demo.reveal", { name: "a" })).code).toBe("unavailable");
    client.close();
  });
});

describe("the keyring", () => {
  let directory: string;
  let databases: AccessDatabases;
  beforeEach(() => {
    directory = temporaryDirectory();
    databases = openAccess(join(directory, "access.db"), "normal");
  });
  afterEach(() => {
    databases.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const clock = simulatedClock();
  const path = "/data/access/secrets.key";
  const everything = { check: () => {} } as Partial<Authority> as Authority;

  function fakeKeyring(): Keyring & { readonly held: Map<string, string>; broken: boolean } {
    const held = new Map<string, string>();
    const ring = {
      held,
      broken: false,
      check() {
        if (ring.broken)
          throw new OperoneError("unavailable", "The keyring of this system did not work (locked)");
      },
      async get(name: string) {
        ring.check();
        return held.get(name);
      },
      async set(name: string, text: string) {
        ring.check();
        held.set(name, text);
      },
      async remove(name: string) {
        ring.check();
        held.delete(name);
      },
    };
    return ring;
  }

  function box(mode: KeyringMode, keyring: Keyring, files = simulatedFiles()) {
    const store = new SecretStore(databases.main);
    const key = new SecretKey({ store, keyring, files, clock, random, log: simulatedLog(), mode, path });
    return { files, store, ...boxed(new SecretBox({ store, key, clock, random })) };
  }

  function boxed(secrets: SecretBox) {
    const text = async (name: string) => new TextDecoder().decode(await secrets.reveal(name, everything));
    return { secrets, text, set: (name: string) => secrets.set(name, new TextEncoder().encode(value)) };
  }

  test("auto puts a new key into the file, so that copying the directory moves the secrets", async () => {
    const keyring = fakeKeyring();
    const { files, set, secrets } = box("auto", keyring);
    await set("a");
    expect([keyring.held.size, files.tree.has(path), secrets.list().keyHolder]).toEqual([0, true, "file"]);
    expect(await box("auto", fakeKeyring(), files).text("a")).toBe(value);
  });

  test("required puts it into the keyring, and a copy of the directory opens nothing", async () => {
    const keyring = fakeKeyring();
    const { files, set, secrets } = box("required", keyring);
    await set("a");
    expect([keyring.held.size, files.tree.size, secrets.list().keyHolder]).toEqual([1, 0, "keyring"]);
    expect(await box("required", keyring).text("a")).toBe(value);
    await expect(box("required", fakeKeyring()).text("a")).rejects.toThrow(
      /keyring of this system does not hold the key/,
    );
  });

  test("required without a keyring stores nothing", async () => {
    const keyring = fakeKeyring();
    keyring.broken = true;
    const { set, store, files } = box("required", keyring);
    await expect(set("a")).rejects.toMatchObject({ code: "unavailable" });
    expect([store.count(), store.key(), files.tree.size]).toEqual([0, undefined, 0]);
  });

  test("auto leaves a key that is in the keyring there", async () => {
    const keyring = fakeKeyring();
    await box("required", keyring).set("a");
    const { text, files } = box("auto", keyring);
    expect([await text("a"), files.tree.size, keyring.held.size]).toEqual([value, 0, 1]);
  });

  test("the key moves when the owner wants it elsewhere, and the old place is emptied", async () => {
    const keyring = fakeKeyring();
    const { files, set } = box("file", keyring);
    await set("a");
    expect(await box("required", keyring, files).text("a")).toBe(value);
    expect([files.tree.size, keyring.held.size]).toEqual([0, 1]);
    expect(await box("file", keyring, files).text("a")).toBe(value);
    expect([files.tree.size, keyring.held.size]).toEqual([1, 0]);
  });

  test("a key that cannot be moved stays where it is", async () => {
    const keyring = fakeKeyring();
    const { files, set } = box("file", keyring);
    await set("a");
    keyring.broken = true;
    await expect(box("required", keyring, files).text("a")).rejects.toThrow(/locked/);
    expect(await box("auto", keyring, files).text("a")).toBe(value);
  });

  test("a locked keyring is tried again at the next call", async () => {
    const keyring = fakeKeyring();
    await box("required", keyring).set("a");
    keyring.broken = true;
    const { text } = box("required", keyring);
    await expect(text("a")).rejects.toThrow(/locked/);
    keyring.broken = false;
    expect(await text("a")).toBe(value);
  });
});
