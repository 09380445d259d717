import { afterEach, beforeEach, expect, test } from "bun:test";
import { removeNode, startNode, type TestNode } from "../../tests/access/node.ts";
import { Agents } from "./contract.ts";

let node: TestNode;
beforeEach(async () => {
  node = await startNode();
});
afterEach(() => removeNode(node));

test("the owner can give a call the rights of an agent by its name, and no more than those", async () => {
  await node.token({ name: "bot", agent: true, grant: ["demo.look=*"] });
  expect(await node.call("demo.look", {}, { as: "bot" })).toBe("seen");
  expect(await node.call("access.whoami", {}, { as: "bot" })).toMatchObject({
    caller: { kind: "agent", name: "bot" },
    sets: [{ holder: "agent bot", owner: false }],
  });
  expect((await node.refused("demo.run", { command: "ls" }, { as: "bot" })).code).toBe("forbidden");
});

test("a name that is no live agent's is refused, and a token that is for no agent is none", async () => {
  await node.token({ name: "ci", grant: ["demo.look=*"] });
  for (const name of ["nobody", "ci"]) {
    const refused = await node.refused("demo.look", {}, { as: name });
    expect(refused.code).toBe("not_found");
    expect(refused.message).toContain(`There is no agent "${name}"; "operone agents"`);
  }
});

test("an agent that has expired is none, and what ran for it has ended", async () => {
  await node.token({ name: "bot", agent: true, grant: ["demo.look=*"], expiresIn: "1h" });
  const { revoked } = await node.kernel.service(Agents).agentCaller("bot");
  await node.clock.advance(3_600_000);
  expect(revoked.aborted).toBe(true);
  expect((await node.refused("demo.look", {}, { as: "bot" })).code).toBe("not_found");
});
