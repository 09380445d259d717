/**
 * Runs the commands that README and the guides show, on a node of the compiled file in a home of its own.
 *
 * A document is one session of bash. Every block marked `sh` runs, unless its first line goes on with the reason why
 * it does not: ```` ```sh not run: it fetches packages ````. `<!-- sh ... -->` holds lines that run and are not shown.
 * curl must succeed, and in a block marked ```` ```sh refused ```` it must be refused.
 */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { cleanUp, folder, run, runProgram } from "./node.ts";
import { binary } from "./subject.ts";

afterAll(cleanUp);

const root = resolve(import.meta.dir, "../..");
const documents = [
  "README.md",
  "docs/access.md",
  "docs/agents.md",
  "docs/files.md",
  "docs/guide.md",
  "docs/http.md",
  "docs/mcp.md",
  "docs/mesh.md",
];

interface Block {
  /** `README.md:12` */
  readonly at: string;
  /** The words after the language. */
  readonly mark: string;
  readonly language: string;
  readonly text: string;
}

function blocksOf(document: string): readonly Block[] {
  const text = readFileSync(join(root, document), "utf8");
  const blocks = /^```(\w*) *(.*)\n([\s\S]*?)^```$|^<!-- sh\n([\s\S]*?)^-->$/gm;
  return [...text.matchAll(blocks)].map(
    ({ index, 1: language = "sh", 2: mark = "", 3: shown, 4: hidden }) => ({
      at: `${document}:${text.slice(0, index).split("\n").length}`,
      mark,
      language,
      text: shown ?? hidden ?? "",
    }),
  );
}

/** The port is the system's choice, so the usual one is replaced as soon as a node tells its own. */
const session = `
set -eE -o pipefail
at=
trap 'echo "$at: exit code $?: $BASH_COMMAND" >&2' ERR
trap 'operone down >&2' EXIT
run() {
  at=$1 mark=$2
  port=$(operone http listeners 2>&1 | sed -n 's|^http://127.0.0.1:||p' || true)
  eval "$(sed "s/6737/\${port:-6737}/g" "$3")"
}
curl() {
  if [ "$mark" = refused ]; then ! command curl --fail-with-body "$@"; else command curl --fail-with-body "$@"; fi
}
`;

test.each(documents)(
  "the commands that %s shows work",
  async (document) => {
    const home = folder();
    const bin = join(home, ".local", "bin");
    mkdirSync(bin, { recursive: true });
    symlinkSync(await binary(), join(bin, "operone"));
    symlinkSync(process.execPath, join(bin, "bun"));
    const lines = blocksOf(document)
      .filter(({ language, mark }) => language === "sh" && !mark.startsWith("not run: "))
      .map(({ at, mark, text }, index) => {
        const file = join(home, ".local", `${index}.sh`);
        writeFileSync(file, text);
        return `run ${at} '${mark}' ${file}\n`;
      });
    expect(lines.length).toBeGreaterThan(0);
    const script = join(home, ".local", "session.sh");
    writeFileSync(script, session + lines.join(""));
    const env = {
      HOME: home,
      PATH: `${bin}:${process.env.PATH}`,
      OPERONE_HTTP_PORT: "0",
      OPERONE_NETWORKING_PORT: "0",
    };
    try {
      const { code, stdout, stderr } = await runProgram(["bash", script], { cwd: home, env });
      if (code !== 0) throw new Error(`${stderr}\n${stdout}`);
    } finally {
      await run(["down", "--data", join(home, ".operone")]);
    }
  },
  60_000,
);

test("every block of commands runs, or says why it does not", () => {
  const blocks = documents.flatMap(blocksOf);
  const unmarked = blocks.filter(
    ({ language, text }) => language !== "sh" && /^(\$ *)?(operone|curl|npm|bun) /m.test(text),
  );
  expect(unmarked.map(({ at }) => at)).toEqual([]);
  const marks = blocks.filter(({ language }) => language === "sh").map(({ at, mark }) => ({ at, mark }));
  expect(marks.filter(({ mark }) => !/^(refused|not run: \S.*)?$/.test(mark))).toEqual([]);
});
