import { expect, test } from "bun:test";
import { type Multicast, openMulticast } from "./multicast.ts";

const packet = new Uint8Array([1, 2, 3]);

async function listening(): Promise<{ multicast: Multicast; heard: Promise<Uint8Array> }> {
  const { promise: heard, resolve } = Promise.withResolvers<Uint8Array>();
  const multicast = await openMulticast({ onPacket: resolve, onEnd: () => {} }, 0);
  return { multicast, heard };
}

test("what is said on an interface is heard there, by the one who said it too", async () => {
  const { multicast, heard } = await listening();
  expect(await multicast.send(packet, ["127.0.0.1"])).toEqual([]);
  expect([...(await heard)]).toEqual([...packet]);
  // The membership holds, and that is no failure.
  expect(await multicast.send(packet, ["127.0.0.1"])).toEqual([]);
  multicast.close();
  multicast.close();
});

test("an interface that is not there is a reason, and keeps the others from nothing", async () => {
  const { multicast, heard } = await listening();
  const failures = await multicast.send(packet, ["192.0.2.77", "127.0.0.1"]);
  expect(failures).toHaveLength(1);
  expect(failures[0]).toStartWith("192.0.2.77: ");
  expect([...(await heard)]).toEqual([...packet]);
  multicast.close();
});

test("sending after the end is a reason, and no crash", async () => {
  const { multicast } = await listening();
  multicast.close();
  expect(await multicast.send(packet, ["127.0.0.1"])).toHaveLength(1);
});
