import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentUserId, folderFacts, freeBytes, portTaken, socketAnswers } from "./probe.ts";

test("a folder is told from a link to one", () => {
  const folder = mkdtempSync(join(tmpdir(), "probe-"));
  chmodSync(folder, 0o750);
  symlinkSync(folder, join(folder, "link"));
  expect(folderFacts(folder)).toEqual({ kind: "folder", mode: 0o750, ownerId: currentUserId() });
  expect(folderFacts(join(folder, "link")).kind).toBe("link");
  expect(folderFacts(join(folder, "none")).kind).toBe("missing");
  expect(freeBytes(join(folder, "none", "deeper"))).toBeGreaterThan(0);
  rmSync(folder, { recursive: true });
});

test("a taken port and an answering socket are seen", async () => {
  const folder = mkdtempSync(join(tmpdir(), "probe-"));
  const path = join(folder, "s");
  const tcp = createServer();
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const address = tcp.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  expect(await portTaken("127.0.0.1", port)).toBe("EADDRINUSE");
  await new Promise((resolve) => tcp.close(resolve));
  expect(await portTaken("127.0.0.1", port)).toBeUndefined();
  expect(await socketAnswers(path, 1_000)).toBe(false);
  const unix = createServer();
  await new Promise<void>((resolve) => unix.listen(path, resolve));
  expect(await socketAnswers(path, 1_000)).toBe(true);
  await new Promise((resolve) => unix.close(resolve));
  rmSync(folder, { recursive: true });
});
