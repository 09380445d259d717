import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalBackend } from "../../modules/fs/local/local-backend.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { backendSuite } from "./backend-suite.ts";

class Folder extends LocalBackend {
  readonly #root: string;

  constructor(root: string) {
    const random = systemRandom();
    super({ root, refused: [], writable: true, tag: "suite", random: (count) => random.bytes(count) });
    this.#root = root;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

const make = async () => new Folder(realpathSync(mkdtempSync(join(tmpdir(), "operone-suite-"))));

backendSuite({ name: "local", make });

/** Of descriptors; where the system does not show them, the law is held by the others alone. */
function openCount(): number {
  return existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0;
}

test("a name that the system refuses leaves nothing open", async () => {
  await using backend = await make();
  const all = { allows: () => true, check: () => {}, unlimited: true };
  const path = `/${"n".repeat(300)}`;
  const before = openCount();
  for (let at = 0; at < 50; at += 1) {
    const nothing = (async function* () {})();
    const written = await backend.write(all, path, nothing, { mode: "any" }).catch((error) => error);
    expect(written).toMatchObject({ code: "invalid_input" });
    const appended = await backend.append(all, path, nothing).catch((error) => error);
    expect(appended).toMatchObject({ code: "invalid_input" });
  }
  expect(openCount() - before).toBeLessThan(10);
});
