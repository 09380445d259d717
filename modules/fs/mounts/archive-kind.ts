/** An archive on this machine, as a tree that can be read. */
import * as v from "valibot";
import { FilePath } from "../file-path.ts";
import type { OpenedKind } from "../mount-kind.ts";

const settings = v.strictObject({
  path: v.pipe(FilePath, v.description("An archive on this machine: zip, tar, tar.gz or tar.zst.")),
});

export const archiveKind: OpenedKind<v.InferOutput<typeof settings>> = {
  id: "archive",
  summary: "A zip, tar, tar.gz or tar.zst, to be read",
  settings,
  settle: async ({ path }, context) => {
    const { realArchive } = await import("./archive-file.ts");
    return { path: await realArchive(path, context) };
  },
  async open({ path }, context) {
    const { openArchive } = await import("./archive-file.ts");
    return await openArchive(path, context);
  },
};
