import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { children } from "../src/children.ts";

test("every part that is made for a contained child is in the list, and loads", async () => {
  const root = resolve(import.meta.dir, "..");
  const files = await Array.fromAsync(new Bun.Glob("modules/**/*.child.ts").scan({ cwd: root }));
  const nouns = files.map((file) =>
    /^modules\/([^/]+)\/(?:.*\/)?([^/]+)\.child\.ts$/.exec(file)?.slice(1).join("/"),
  );
  expect(Object.keys(children).sort()).toEqual(nouns.map(String).sort());
  for (const load of Object.values(children)) expect((await load()).child).toBeFunction();
});
