/** The connection over which a machine enrols is not taken for one of a member. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { connected, joinMesh, removeMeshNodes, startMeshNode } from "./mesh-node.ts";

setDefaultTimeout(60_000);
afterAll(removeMeshNodes);

test("a machine that joins is connected once, and not lost and found again", async () => {
  const host = await startMeshNode({ name: "host" });
  const guest = await startMeshNode({ name: "guest" });
  const stop = new AbortController();
  const told: string[] = [];
  const following = (async () => {
    for await (const { event } of host.networking.events.follow(stop.signal)) told.push(event);
  })().catch(() => {});
  await joinMesh(host, guest);
  await connected(host, guest);
  stop.abort();
  await following;
  expect(told.filter((event) => event.endsWith("connected"))).toEqual(["connected"]);
});
