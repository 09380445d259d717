/** A folder of another node, through the suite of every backend, over a real mesh of two. */
import { afterAll, beforeAll, setDefaultTimeout } from "bun:test";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Backend } from "../../modules/fs/backend.ts";
import { remoteFolder } from "../../modules/fs/remote-folder.ts";
import {
  connected,
  joinMesh,
  type MeshNode,
  removeMeshNodes,
  startMeshNode,
} from "../networking/mesh-node.ts";
import { backendSuite } from "./backend-suite.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-far-folder-")));
let here: MeshNode;
beforeAll(async () => {
  const [one, other] = await Promise.all([startMeshNode({ name: "here" }), startMeshNode({ name: "there" })]);
  await joinMesh(other, one);
  await connected(one, other);
  await other.given("networking.allow", { role: "admin" });
  here = one;
});
afterAll(async () => {
  await removeMeshNodes();
  rmSync(folder, { recursive: true });
});

/** As a handler of `here` would call. */
async function make(): Promise<Backend> {
  const path = mkdtempSync(join(folder, "suite-"));
  const call = ({ operation, input, ...rest }: Parameters<Parameters<typeof remoteFolder>[0]["call"]>[0]) =>
    here.call(operation, input as object, rest);
  const authority = { sets: [], check: () => {}, decide: () => "allow" as const };
  return remoteFolder({ call, authority }, { node: "there", path });
}

backendSuite({ name: "node", make, holdsOpenFiles: false, many: 1_100 });
