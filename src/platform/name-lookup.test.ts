import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { addressesIn, addressesOf } from "./name-lookup.ts";

/** A name server that says nothing, or gives every name one address. */
async function nameServer(
  answers: boolean,
): Promise<AsyncDisposable & { server: string; asked: Promise<void> }> {
  const socket = createSocket("udp4");
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  socket.on("message", (query, { port, address }) => {
    resolve();
    if (answers) socket.send(answer(query), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    server: `127.0.0.1:${socket.address().port}`,
    asked,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, "close");
    },
  };
}

/** RFC 1035, 4: the question again, and one record of its type. */
function answer(query: Buffer): Buffer {
  const nameEnd = query.indexOf(0, 12);
  const isFour = query.readUInt16BE(nameEnd + 1) === 1;
  const address = isFour ? [192, 0, 2, 7] : [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
  const head = [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
  const record = [0xc0, 12, 0, isFour ? 1 : 28, 0, 1, 0, 0, 0, 60, 0, address.length, ...address];
  return Buffer.concat([
    query.subarray(0, 2),
    Buffer.from(head),
    query.subarray(12, nameEnd + 5),
    Buffer.from(record),
  ]);
}

test("a name has the addresses that its servers say, of both kinds", async () => {
  await using at = await nameServer(true);
  expect(await addressesOf("a.test", { servers: [at.server] })).toEqual(["192.0.2.7", "2001:db8::7"]);
});

test("a file is read while the servers of many names are silent", async () => {
  await using at = await nameServer(false);
  const names = Array.from({ length: 64 }, (_, index) => `a${index}.test`);
  const lookups = names.map((name) => addressesOf(name, { servers: [at.server], answerMsMax: 600 }));
  const ended: string[] = [];
  const all = Promise.allSettled(lookups).then((results) => {
    ended.push("names");
    return results;
  });
  await at.asked;
  await readFile(import.meta.path);
  ended.push("file");
  const results = await all;
  expect(ended).toEqual(["file", "names"]);
  expect(results.every(({ status }) => status === "rejected")).toBe(true);
});

test("what the hosts file says is asked of nobody", async () => {
  expect(await addressesOf("localhost", { servers: ["127.0.0.1:1"] })).toContainEqual(
    expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
  );
});

test("a hosts file has several names in a line, comments, and letters of both sizes", () => {
  const hosts = "# a.test\n10.0.0.1\tA.test b.test # c.test\r\n\n::1 b.test\n10.0.0.2 ba.test";
  expect(addressesIn(hosts, "a.test")).toEqual(["10.0.0.1"]);
  expect(addressesIn(hosts, "b.test")).toEqual(["10.0.0.1", "::1"]);
  expect(addressesIn(hosts, "c.test")).toEqual([]);
});

test("without a hosts file the servers are asked", async () => {
  await using at = await nameServer(true);
  const options = { servers: [at.server], hostsFile: "/nowhere/hosts" };
  expect(await addressesOf("a.test", options)).toHaveLength(2);
});
