import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./run.ts";

/** A terminal whose person gives this answer; undefined: nobody is there. */
function terminal(answer: string | undefined) {
  const asked: string[] = [];
  let err = "";
  return {
    asked,
    err: () => err,
    use: {
      out: () => {},
      err: (text: string) => {
        err += text;
      },
      ask: async (question: string) => {
        asked.push(question);
        return answer;
      },
    },
  };
}

async function joining(words: readonly string[], answer?: string) {
  const folder = mkdtempSync(join(tmpdir(), "op-join-"));
  const person = terminal(answer);
  try {
    const exit = await run(["join", "operone1code", ...words, "--data", folder], person.use);
    return { exit, asked: person.asked.length, err: person.err() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("join asks what others may be here, and does nothing after an answer that it does not understand", async () => {
  const { exit, asked, err } = await joining([], "yes please");
  expect([exit, asked]).toEqual([2, 1]);
  expect(err).toContain('"yes please"');
});

test("whoever says it on the command line is not asked, and two different words are refused", async () => {
  expect(await joining(["--allow", "root"], "admin")).toMatchObject({ exit: 2, asked: 0 });
  expect(await joining(["--allow", "observer", "--allow-admin"])).toMatchObject({ exit: 2, asked: 0 });
});
