import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import { MembershipStore } from "./membership-store.ts";
import { openNetworking } from "./store.ts";

let directory = "";
let database: OpenDatabase;
let store: MembershipStore;
const open = () => {
  database = openNetworking(join(directory, "networking.db"));
  store = new MembershipStore(database);
};
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "operone-member-"));
  open();
});
afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true, force: true });
});

test("there is one membership at most, and it is there after a restart", () => {
  expect(store.read()).toBeUndefined();
  store.write({ mesh: "one", joinedAtMs: 1, cap: "observer" });
  store.write({ mesh: "two", joinedAtMs: 2, cap: "admin" });
  database.close();
  open();
  expect(store.read()).toEqual({ mesh: "two", joinedAtMs: 2, cap: "admin" });
});

test("a node has one cap of its own at most, and can lose it", () => {
  store.setCap("a", "admin");
  store.setCap("a", "observer");
  store.setCap("b", "operator");
  expect(store.caps()).toEqual(
    new Map([
      ["a", "observer"],
      ["b", "operator"],
    ]),
  );
  store.setCap("a", undefined);
  expect([...store.caps().keys()]).toEqual(["b"]);
});

test("forgetting leaves nothing of the mesh behind", () => {
  store.write({ mesh: "one", joinedAtMs: 1, cap: "admin" });
  store.setCap("a", "admin");
  store.forget();
  expect([store.read(), store.caps().size]).toEqual([undefined, 0]);
});
