import { expect, test } from "bun:test";
import { simulatedFiles } from "../../src/kernel/simulated.ts";
import { accessChecks, type Checked } from "./checks.ts";

type Parts = Awaited<ReturnType<Checked["parts"]>>;
const path = "/data/access/access.db";

async function findings(parts: Partial<Parts>, sizeBytes = 1) {
  const files = simulatedFiles();
  const facts = async () => ({ kind: "file", sizeBytes, mode: 0o600, modifiedMs: 0 }) as const;
  const whole: Parts = {
    audit: { verify: async () => ({ ok: true, records: 7, from: 1, head: { seq: 7, hash: "" } }) },
    problems: () => [],
    ...parts,
  };
  const found: Record<string, unknown> = {};
  for (const { name, run } of accessChecks({ parts: async () => whole, files: { ...files, facts }, path })) {
    found[name] = await run(new AbortController().signal);
  }
  return found;
}

test("a whole audit and a whole database are told with their sizes", async () => {
  expect(await findings({})).toEqual({
    audit: { verdict: "ok", found: "the chain of 7 records is whole" },
    "access database": { verdict: "ok", found: "1 MiB, whole" },
  });
});

test("a changed audit and a damaged database are failures with a way out", async () => {
  const verify = async () => ({
    ok: false,
    records: 3,
    from: 1,
    head: { seq: 7, hash: "" },
    broken: { seq: 4, reason: "its hash does not fit" },
  });
  const found = await findings({
    audit: { verify },
    problems: () => ["row 3 missing from index"],
  });
  expect(found).toMatchObject({
    audit: { verdict: "failure", found: expect.stringContaining("record 4"), fix: expect.any(String) },
    "access database": { verdict: "failure", found: expect.stringContaining(path), fix: expect.any(String) },
  });
});

test("a very large database is not read through while the node runs, and that is said", async () => {
  const problems = () => {
    throw new Error("it was read");
  };
  expect(await findings({ problems }, 65 * 1024 * 1024)).toMatchObject({
    "access database": { verdict: "ok", found: expect.stringContaining("too large") },
  });
});
