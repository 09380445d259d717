import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import fc from "fast-check";
import { simulatedFiles, simulatedRandom } from "../../src/kernel/simulated.ts";
import { diskFiles } from "../../src/platform/files.ts";
import { failureOf } from "../../tests/networking/party.ts";
import { loadNodeKey, nodeKeyOf } from "./node-key.ts";

const path = "/data/node.key";
const decode = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

test("the peer id of any seed is libp2p's own", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (seed) => {
      const key = await generateKeyPairFromSeed("Ed25519", seed);
      expect(nodeKeyOf(seed).peerId).toBe(peerIdFromPrivateKey(key).toString());
    }),
    { numRuns: 25 },
  );
});

test("the first start makes a key and later ones read the same one", async () => {
  const files = simulatedFiles();
  const first = await loadNodeKey({ files, random: simulatedRandom(1), path });
  expect(first.peerId).toMatch(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/);
  expect(await loadNodeKey({ files, random: simulatedRandom(2), path })).toEqual(first);
  expect(decode(files.tree.get(path)).split("\n")).toHaveLength(3);
});

test("a damaged key is refused, named, and left as it is, without a word of its content", async () => {
  const files = simulatedFiles();
  await loadNodeKey({ files, random: simulatedRandom(1), path });
  const whole = decode(files.tree.get(path));
  const [head = "", seed = ""] = whole.split("\n");
  const damaged = [
    "",
    head,
    `${seed}\n`,
    `${head}\n${seed.slice(1)}\n`,
    `${head}\n${seed}${seed}\n`,
    `${head.replace("version 1", "version 2")}\n${seed}\n`,
    // The same 32 bytes, written with a stray bit.
    `${head}\n${seed.slice(0, -2)}${String.fromCharCode(seed.charCodeAt(42) + 1)}=\n`,
  ];
  for (const text of damaged) {
    await files.writePrivate(path, text);
    const error = await failureOf(loadNodeKey({ files, random: simulatedRandom(2), path }));
    expect(error.code).toBe("unavailable");
    expect(error.message).toContain(path);
    expect(error.message).not.toContain(seed.slice(0, 8));
    expect(decode(files.tree.get(path))).toBe(text);
  }
});

test("a key that other users can read is not used", async () => {
  const files = simulatedFiles();
  await loadNodeKey({ files, random: simulatedRandom(1), path });
  for (const mode of [0o640, 0o604, 0o620, 0o666]) {
    const open = {
      ...files,
      facts: async () => ({ kind: "file", sizeBytes: 1, mode, modifiedMs: 0 }) as const,
    };
    await expect(loadNodeKey({ files: open, random: simulatedRandom(1), path })).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("0600"),
    });
  }
});

test("on a disk the key belongs to its owner alone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "operone-key-"));
  try {
    const real = join(directory, "node.key");
    const files = diskFiles();
    const key = await loadNodeKey({ files, random: simulatedRandom(1), path: real });
    // Windows shows no rights of others in a mode; there the folder's access list keeps them out.
    if (process.platform === "win32") return;
    expect(statSync(real).mode & 0o777).toBe(0o600);
    expect(readFileSync(real, "utf8")).toContain(Buffer.from(key.seed).toString("base64"));
    chmodSync(real, 0o644);
    await expect(loadNodeKey({ files, random: simulatedRandom(1), path: real })).rejects.toMatchObject({
      code: "forbidden",
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
