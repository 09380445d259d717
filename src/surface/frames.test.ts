import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteText } from "../kernel/byte-text.ts";
import { OperoneError } from "../kernel/error.ts";
import { encodeFrame, encodeItem, encodeItems, framesIn, heartbeatFrame, type ItemFrame } from "./frames.ts";

async function* pieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function read(bytes: Uint8Array, pieceBytes = 7): Promise<ItemFrame[]> {
  return await Array.fromAsync(framesIn(pieces(bytes, pieceBytes)));
}

/** A frame whose head is this text. */
function raw(head: string, tail: string | number = ""): Uint8Array {
  const headBytes = Buffer.byteLength(head);
  const tailBytes = typeof tail === "number" ? tail : Buffer.byteLength(tail);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(headBytes, 0);
  lengths.writeUInt32BE(tailBytes, 4);
  return Buffer.concat([lengths, Buffer.from(head), Buffer.from(typeof tail === "number" ? "" : tail)]);
}

const key = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.constantFrom("__proto__", "held", "item", "constructor"),
);
const held = fc
  .tuple(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 3 }), fc.boolean())
  .map(([parts, text]) =>
    text
      ? new ByteText(
          parts.map((part) => Buffer.from(part.toHex())),
          "utf8",
        )
      : new ByteText(parts, "base64"),
  );
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.jsonValue({ maxDepth: 1 }),
    held,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
}));
const asJson = (one: unknown): unknown => JSON.parse(JSON.stringify(one ?? null));

test("law: several items in one frame are what each of them is alone", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 5 }), async (items) => {
      const texts = items.map((item) => encodeItem(item));
      const [frame, ...more] = await read(encodeItems(texts.map(String)));
      assert.deepEqual(more, []);
      const given = frame?.key === "items" ? frame.value : [frame?.value];
      assert.deepEqual(given, items.map(asJson));
    }),
  );
});

test("an item that holds bytes is a frame of its own, and one that is nothing is null", () => {
  assert.ok(encodeItem({ deep: [{ text: new ByteText(Buffer.from("a"), "utf8") }] }) instanceof Uint8Array);
  assert.equal(encodeItem(undefined), "null");
  assert.equal(encodeItem(new Date(0)), '"1970-01-01T00:00:00.000Z"');
});

test("law: what goes into frames comes out as the same JSON, wherever the bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { maxLength: 4 }),
      fc.integer({ min: 1, max: 300 }),
      async (items, cut) => {
        const frames = items.flatMap((item) => [encodeFrame("item", item), heartbeatFrame]);
        const back = await read(Buffer.concat([...frames, encodeFrame("end", true)]), cut);
        assert.deepEqual(
          back.slice(0, -1).map((frame) => frame.key),
          items.map(() => "item"),
        );
        assert.deepEqual(
          back.map((frame) => asJson(frame.value)),
          [...items.map(asJson), true],
        );
      },
    ),
  );
});

test("bytes travel as they are, and are still bytes at the other end", async () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at % 256);
  const frame = encodeFrame("item", { stream: "stdout", base64: new ByteText(bytes, "base64") });
  assert.ok(frame.length < bytes.length + 100);
  const [back] = await read(frame, 60_000);
  const { base64 } = (back?.value ?? {}) as { readonly base64?: unknown };
  assert.ok(base64 instanceof ByteText);
  assert.equal(base64.lengthBytes, bytes.length);
  assert.deepEqual(Buffer.concat(base64.parts), Buffer.from(bytes));
});

test("a frame that comes byte by byte is the same frame", async () => {
  const frame = encodeFrame("item", new ByteText(Buffer.from("x".repeat(5_000)), "utf8"));
  const [back] = await read(frame, 1);
  assert.ok(back?.value instanceof ByteText && back.value.parts.length < 1_100);
  assert.equal(String(back.value), "x".repeat(5_000));
});

test("what breaks off within a frame is no frame", async () => {
  const frame = encodeFrame("item", { text: new ByteText(Buffer.from("abc"), "utf8") });
  for (let cut = 0; cut < frame.length; cut++) assert.deepEqual(await read(frame.subarray(0, cut)), []);
});

test("what is no frame is refused", async () => {
  const bad: readonly Uint8Array[] = [
    raw("x"),
    raw("1"),
    raw("null"),
    raw("{}"),
    raw('{"item":1,"end":true}'),
    raw('{"constructor":1}'),
    raw('{"items":1}'),
    raw("", "tail"),
    raw('{"item":1}', "tail"),
    raw('{"item":null,"held":{}}'),
    raw('{"item":null,"held":[[[],"utf8",4]]}', "abc"),
    raw('{"item":null,"held":[[[],"utf8",2]]}', "abc"),
    raw('{"item":null,"held":[[[],"utf8",-1]]}', ""),
    raw('{"item":null,"held":[[[],"latin1",3]]}', "abc"),
    raw('{"item":1,"held":[[[],"utf8",3]]}', "abc"),
    raw('{"item":{},"held":[[["a"],"utf8",3]]}', "abc"),
    raw('{"item":{},"held":[[["__proto__","polluted"],"utf8",3]]}', "abc"),
    // The prototype of objects has none itself, so that there is a null where no value may be put.
    raw('{"item":{},"held":[[["__proto__","__proto__"],"utf8",3]]}', "abc"),
    raw('{"item":{},"held":[[["constructor","polluted"],"utf8",3]]}', "abc"),
    raw('{"item":"text","held":[[["length"],"utf8",3]]}', "abc"),
  ];
  for (const bytes of bad) {
    await assert.rejects(
      read(bytes),
      (error) => error instanceof OperoneError && error.code === "invalid_input",
    );
  }
  assert.equal(Reflect.get({}, "polluted"), undefined);
});

test("a frame beyond the limit is refused before there is memory for it", async () => {
  await assert.rejects(
    read(raw('{"item":null}', 0xffffffff)),
    (error) => error instanceof OperoneError && error.code === "too_large",
  );
});
