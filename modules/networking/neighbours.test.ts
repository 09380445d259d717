import { expect, test } from "bun:test";
import fc from "fast-check";
import { fullMeshMax, neighboursOf } from "./neighbours.ts";

const ids = fc.uniqueArray(fc.string({ minLength: 4, maxLength: 8 }), { minLength: 2, maxLength: 80 });

test("a small mesh is complete", () => {
  const others = Array.from({ length: fullMeshMax }, (_, at) => `n${at}`);
  expect(neighboursOf("self", others).size).toBe(fullMeshMax);
});

test("every mesh hangs together, and its nodes keep few links", () => {
  fc.assert(
    fc.property(ids, (all) => {
      const links = new Map(
        all.map((id) => [
          id,
          neighboursOf(
            id,
            all.filter((other) => other !== id),
          ),
        ]),
      );
      const seen = new Set([all[0] ?? ""]);
      for (const id of seen) for (const next of links.get(id) ?? []) seen.add(next);
      expect(seen.size).toBe(all.length);
      for (const [id, kept] of links) {
        expect(kept.has(id)).toBe(false);
        if (all.length > fullMeshMax + 1) expect(kept.size).toBeLessThanOrEqual(2 + Math.log2(all.length));
      }
    }),
  );
});
