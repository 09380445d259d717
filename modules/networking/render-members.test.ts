import { expect, test } from "bun:test";
import {
  renderAllowed,
  renderConfirmed,
  renderLeft,
  renderMember,
  renderRecovered,
  renderRejected,
  renderRenamed,
} from "./render-members.ts";

const answered = { direction: "in", peerId: "12D3pi", name: "pi", role: "operator", proven: true } as const;
const redText = "\u001b[31mred";

test("what may be here warns when it is everything", () => {
  expect(renderAllowed({ role: "observer" }).stdout).toBe(
    "Other nodes may be at most observer on this node.\n",
  );
  expect(renderAllowed({ role: "admin", peerId: "12D3pi" }).stdout).toMatch(
    /^The node 12D3pi .*run anything/,
  );
  const back = renderAllowed({ role: "operator", peerId: "12D3pi", isDefault: true });
  expect(back.stdout).toContain("at most operator on this node, like all");
});

test("each change is a sentence with the node's name and id", () => {
  expect(renderConfirmed(answered).stdout).toBe("pi (12D3pi) is let in as operator.\n");
  expect(renderMember({ peerId: "12D3pi", name: "pi" }).stdout).toBe(
    "pi (12D3pi) is removed from the mesh, for good.\n",
  );
  expect(renderMember({ peerId: "12D3pi", role: "admin" }).stdout).toContain("12D3pi is admin");
  expect(renderLeft({ meshId: "12D3mesh" }).stdout).toContain("left the mesh 12D3mesh");
  expect(renderRecovered({ peerId: "12D3pi" }).stdout).toContain("admin of its mesh");
  expect(renderConfirmed({ ...answered, name: redText }).stdout).not.toContain("\u001b");
});

test("a machine that gives up is told whether its code is spent", () => {
  expect(renderRejected(answered).stdout).toContain("turned away");
  expect(renderRejected({ ...answered, direction: "out" }).stdout).toContain("Its code is spent");
  expect(renderRejected({ ...answered, direction: "out", proven: false }).stdout).toContain("was not used");
});

test("a name that another node has is warned of beside the answer", () => {
  expect(renderRenamed({ name: "pi" })).toEqual({ stdout: "This node is called pi now.\n" });
  expect(renderRenamed({ name: "pi", warning: "two are called so" }).stderr).toBe("two are called so\n");
});
