/** Documents of another node: read there, by its own contained child. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ParseItem } from "../../modules/fs/parse/shapes.ts";
import { connected, joinMesh, removeMeshNodes, startMeshNode } from "../networking/mesh-node.ts";
import { onePage, pageSaying, parsedOf } from "./documents.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-far-documents-")));
afterAll(async () => {
  await removeMeshNodes();
  rmSync(folder, { recursive: true });
});

test("a document of another node is read as one of here, and what it refuses is told", async () => {
  const [here, there] = await Promise.all([
    startMeshNode({ name: "here" }),
    startMeshNode({ name: "there" }),
  ]);
  await joinMesh(there, here);
  await connected(here, there);
  await there.given("networking.role", { peer: here.mesh().peerId, role: "admin" }).catch((error) => {
    if (error.code !== "conflict") throw error;
  });
  await there.given("networking.allow", { role: "admin" });
  const path = join(folder, "a.pdf");
  writeFileSync(path, onePage(pageSaying("Far away")));
  const items = async () => {
    const answer = await here.call("fs.parse", { path }, { node: "there" });
    if (answer.gives !== "items") throw new Error(answer.gives);
    return parsedOf((await Array.fromAsync(answer.items)) as ParseItem[]);
  };
  expect((await items()).blocks).toEqual([{ kind: "page", page: 1, text: "Far away" }]);
  writeFileSync(path, "%PDF-1.4 nothing");
  await expect(items()).rejects.toMatchObject({ code: "unsupported_media" });
});
