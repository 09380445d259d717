import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NamePinStore } from "./name-pin-store.ts";
import { NamePins } from "./name-pins.ts";
import { openNetworking } from "./store.ts";

const pins = () => new NamePins({ read: () => new Map(), write: () => {} });

test("a name stays that of the node that was known by it first, whoever tells it later", () => {
  const names = pins();
  names.heard("pi", "id-1");
  names.heard("pi", "id-2");
  expect([names.isOwn("pi", "id-1"), names.isOwn("pi", "id-2")]).toEqual([true, false]);
});

test("a freed name is a conflict that says who had it, until the owner names the new node by its id", () => {
  const names = pins();
  names.heard("nas", "id-1");
  const nodes = [
    { peerId: "id-1", name: "old-nas" },
    { peerId: "id-2", name: "nas" },
  ];
  expect(() => names.find(nodes, "nas")).toThrow(/was the name of the node id-1.*allow ROLE id-2/);
  expect(names.find(nodes, "id-2").peerId).toBe("id-2");
  expect(() => names.find(nodes, "nas")).toThrow("id-1");
  names.accept("nas", "id-2");
  expect(names.find(nodes, "nas").peerId).toBe("id-2");
});

test("a node that goes through many names takes a few of them, and keeps the rest free", () => {
  const names = pins();
  for (let at = 0; at < 100; at++) names.heard(`name-${at}`, "id-1");
  expect(names.namesOf("id-1")).toHaveLength(8);
  expect(names.isOwn("name-50", "id-2")).toBe(true);
});

test("whose name it is outlives the node's run, and ends with its mesh", () => {
  const directory = mkdtempSync(join(tmpdir(), "operone-names-"));
  const database = openNetworking(join(directory, "networking.db"));
  new NamePins(new NamePinStore(database)).heard("pi", "id-1");
  expect(new NamePins(new NamePinStore(database)).isOwn("pi", "id-2")).toBe(false);
  database.close();
  rmSync(directory, { recursive: true, force: true });
});
