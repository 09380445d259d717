/** While somebody who may write beside it turns folders into links and back, a mount leads nowhere else. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fsNode } from "./fs-node.ts";

async function turning(inMount: string): Promise<void> {
  await using node = await fsNode();
  const [docs, aside, outside] = ["docs", "aside", "outside"].map((name) => join(node.work, name));
  if (docs === undefined || aside === undefined || outside === undefined) throw new Error("no folder");
  mkdirSync(join(docs, "swap/deep"), { recursive: true });
  mkdirSync(join(outside, "swap/deep"), { recursive: true });
  for (const below of ["", "swap"]) writeFileSync(join(outside, below, "secret"), "outside");
  writeFileSync(join(docs, "swap/secret"), "inside!");
  await node.value("mount", { name: "docs", path: docs });
  const words = [join(docs, inMount), aside, outside];
  const turner = Bun.spawn([process.execPath, join(import.meta.dir, "link-turner.ts"), ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await turner.stdout.getReader().read();
  const told: Record<string, number> = {};
  const count = (text: string) => {
    told[text] = (told[text] ?? 0) + 1;
  };
  try {
    const isMet = () => told["inside!"] !== undefined && told.refused !== undefined;
    // On a busy machine the turner may rest for long; without it nothing is tried.
    for (let at = 0; at < 400 || (at < 20_000 && !isMet()); at++) {
      const path = "/@docs/swap/secret";
      const read = await node.value<{ text: string }>("read", { path }).catch(() => ({ text: "refused" }));
      count(read.text);
      for (const [operation, input] of [
        ["write", { path: "/@docs/swap/planted", text: "planted" }],
        ["append", { path: "/@docs/swap/planted", text: "planted" }],
        ["mkdir", { path: `/@docs/swap/d${at}` }],
        ["remove", { path: "/@docs/swap/deep", recursive: true, permanent: true }],
      ] as const)
        await node.value(operation, input).catch(() => {});
    }
  } finally {
    turner.kill("SIGKILL");
    await turner.exited;
  }
  expect(told.outside).toBeUndefined();
  // Both faces were met, or nothing was tried.
  expect(Object.keys(told).toSorted()).toEqual(["inside!", "refused"]);
  expect(readdirSync(outside).toSorted()).toEqual(["secret", "swap"]);
  expect(readdirSync(join(outside, "swap")).toSorted()).toEqual(["deep", "secret"]);
  expect(readFileSync(join(outside, "swap/secret"), "utf8")).toBe("outside");
}

test("a folder in it that becomes a link", async () => {
  await turning("swap");
}, 60_000);

test("the mounted folder itself, when it becomes a link", async () => {
  await turning("");
}, 60_000);
