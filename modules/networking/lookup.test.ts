import { expect, test } from "bun:test";
import { findNode } from "./lookup.ts";

const nodes = [
  { peerId: "id-1", name: "attic" },
  { peerId: "id-3", name: "twin" },
  { peerId: "id-2", name: "twin" },
  { peerId: "id-4", name: undefined },
];

test("a node is found by its name and by its id", () => {
  expect(findNode(nodes, "attic").peerId).toBe("id-1");
  expect(findNode(nodes, "id-4").peerId).toBe("id-4");
  expect(findNode(nodes, "id-3").peerId).toBe("id-3");
});

test("a name of two nodes is a conflict that lists both ids, sorted", () => {
  expect(() => findNode(nodes, "twin")).toThrow(
    expect.objectContaining({ code: "conflict", details: { peerIds: ["id-2", "id-3"] } }),
  );
});

test("an unknown name is not found, with the nearest one or with what there is", () => {
  expect(() => findNode(nodes, "attik")).toThrow('did you mean "attic"?');
  expect(() => findNode(nodes, "somewhere-else")).toThrow("there are: attic, id-4, twin (id-2), twin (id-3)");
  expect(() => findNode(nodes, "x".repeat(500))).toThrow(/^.{0,200}$/);
});
