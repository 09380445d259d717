import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf, OpenFolder } from "./open-folder.ts";

const linux = process.platform === "linux";
const top = realpathSync(mkdtempSync(join(tmpdir(), "operone-open-")));
afterAll(() => rmSync(top, { recursive: true }));
beforeEach(() => {
  rmSync(join(top, "f"), { recursive: true, force: true });
  rmSync(join(top, "away"), { recursive: true, force: true });
  mkdirSync(join(top, "f/in"), { recursive: true });
});

async function codeFor(run: () => Promise<unknown>): Promise<string | undefined> {
  return await run().then(
    () => undefined,
    (error) => codeOf(error) ?? String(error),
  );
}

if (linux) {
  test("no link is followed: not on the way, not as the folder, not as a file", async () => {
    writeFileSync(join(top, "f/file"), "x");
    symlinkSync("in", join(top, "f/link"));
    symlinkSync("file", join(top, "f/file-link"));
    await using folder = await OpenFolder.at(join(top, "f"));
    expect(await codeFor(() => OpenFolder.at(join(top, "f/link")))).toBeDefined();
    expect(await codeFor(() => folder.folder("link"))).toBeDefined();
    expect(await codeFor(() => folder.file("file-link"))).toBe("ELOOP");
    expect(await folder.below(["link"])).toBeUndefined();
    expect(await folder.below(["no", "such"])).toBeUndefined();
    await folder.setFileMode("file-link", 0o777);
    expect(Number((await folder.facts("file"))?.mode) & 0o111).toBe(0);
  });

  test("a folder stays the same when it is moved and another takes its name", async () => {
    await using folder = await OpenFolder.at(join(top, "f"));
    await Bun.$`mv ${join(top, "f")} ${join(top, "away")} && mkdir ${join(top, "f")}`.quiet();
    await using file = await folder.newFile("new");
    await file.write("x");
    expect(readFileSync(join(top, "away/new"), "utf8")).toBe("x");
    expect(await folder.names()).toEqual(["in", "new"]);
  });

  test("what is no single name is refused", async () => {
    await using folder = await OpenFolder.at(join(top, "f/in"));
    for (const name of ["", "..", "../x", "a/b", "/etc", "a\0"])
      expect(await codeFor(() => folder.facts(name))).toContain("a name in a folder is one name");
  });
}
