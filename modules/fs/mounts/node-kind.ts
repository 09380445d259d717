/** A folder of another node. Each call goes there as its own caller, and is judged there. */
import * as v from "valibot";
import { FilePath } from "../file-path.ts";
import type { CalledKind } from "../mount-kind.ts";

const settings = v.strictObject({
  path: v.pipe(
    v.strictObject({ node: v.pipe(v.string(), v.nonEmpty(), v.maxLength(256)), path: FilePath }),
    v.description("A folder of another node: { node, path }; at the command line NODE:/path."),
  ),
});

export const nodeKind: CalledKind<v.InferOutput<typeof settings>> = {
  id: "node",
  summary: "A folder of another node",
  settings,
  isFar: true,
  async forCall({ path }, caller) {
    const { remoteFolder } = await import("../remote-folder.ts");
    return remoteFolder(caller, path);
  },
};
