import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { child } from "./probe.child.ts";

const folder = mkdtempSync(join(tmpdir(), "operone-probe-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function* bytes(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(3);
}

test("what a contained child tries in vain works where nothing contains it", async () => {
  const secret = join(folder, "secret");
  writeFileSync(secret, "secret");
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const program = Bun.which("true") ?? "true";
  const request = { read: secret, write: join(folder, "new"), connect: server.port, start: program };
  const said = await Array.fromAsync(child({ request, bytes: bytes() }));
  expect(said).toMatchObject([{ did: 6 }, { did: 7 }, { did: "connected" }, { did: 0 }, { received: 3 }]);
  expect(readFileSync(join(folder, "new"), "utf8")).toBe("written");
});

test("what does not work is told with the reason", async () => {
  const said = await Array.fromAsync(child({ request: { read: join(folder, "none") }, bytes: bytes() }));
  expect(said).toMatchObject([{ refused: expect.stringContaining("ENOENT") }, { received: 3 }]);
});
