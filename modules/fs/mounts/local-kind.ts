/** A folder of this machine. What leads out of it is refused, whatever a caller may reach beside it. */
import * as v from "valibot";
import { FilePath } from "../file-path.ts";
import type { OpenedKind } from "../mount-kind.ts";

const settings = v.strictObject({
  path: v.pipe(FilePath, v.description('A folder of this machine: "/srv/data", "~/notes".')),
});

const kept = v.strictObject({
  ...settings.entries,
  /** Where the disk that holds it hangs in the tree: without that disk the same path is another folder. */
  disk: v.optional(v.string()),
});

export const localKind: OpenedKind<v.InferOutput<typeof kept>> = {
  id: "local",
  summary: "A folder of this machine",
  ...{ settings, kept },
  settle: async ({ path }, context) => {
    const { diskOf, realFolder } = await import("./local-folder.ts");
    const real = await realFolder(path, context);
    return { path: real, disk: await diskOf(real) };
  },
  async assertThere({ path, disk }) {
    const { assertDisk } = await import("./local-folder.ts");
    await assertDisk(path, disk);
  },
  async open({ path }, context) {
    const { openFolder } = await import("./local-folder.ts");
    return await openFolder(path, context);
  },
};
