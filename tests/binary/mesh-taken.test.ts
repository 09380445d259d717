import { afterAll, expect, test } from "bun:test";
import { createServer } from "node:net";
import { connected, done, invite, meshDirectory, meshNode } from "./mesh-node.ts";
import { cleanUp } from "./node.ts";

afterAll(cleanUp);

test("a port that is taken is told before the code is used, which then still lets the machine in", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const directory = meshDirectory("b", `port = ${port}\naddresses = ["127.0.0.1"]`);
  const [a, b] = await Promise.all([meshNode("a"), meshNode("b", { directory })]);
  const code = await invite(a);
  for (const command of [["join", code], ["invite"]]) {
    const refused = await b.run(command);
    expect({ code: refused.code, lines: refused.stderr.trim().split("\n").length }).toEqual({
      code: 15,
      lines: 1,
    });
    expect(refused.stderr).toContain(`TCP port ${port}`);
    expect(refused.stderr).toContain("--set networking.port=");
  }
  expect((await done(a.run(["invites", "--json"]))).stdout).toContain('"state":"open"');
  await new Promise((resolve) => server.close(resolve));
  await done(b.run(["join", code]));
  await connected(a, "b");
  const diagnosis = JSON.parse((await a.run(["doctor", "--node", "b", "--json"])).stdout);
  const names = diagnosis.checks.map(({ name }: { readonly name: string }) => name);
  expect(names).toContain("mesh port");
  await Promise.all([a.stop(), b.stop()]);
});
