/** A folder of this machine. What leads out of it is refused, whatever a caller may reach beside it. */
import * as v from "valibot";
import { FilePath } from "../file-path.ts";
import type { OpenedKind } from "../mount-kind.ts";

const settings = v.strictObject({
  path: v.pipe(FilePath, v.description('A folder of this machine: "/srv/data", "~/notes".')),
});

export const localKind: OpenedKind<v.InferOutput<typeof settings>> = {
  id: "local",
  summary: "A folder of this machine",
  settings,
  settle: async ({ path }, context) => {
    const { realFolder } = await import("./local-folder.ts");
    return { path: await realFolder(path, context) };
  },
  async open({ path }, context) {
    const { openFolder } = await import("./local-folder.ts");
    return await openFolder(path, context);
  },
};
