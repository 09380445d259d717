/** Files of the machine, within what a caller was granted. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { Clock, Host, Random } from "../../src/kernel/ports.ts";
import { Secrets } from "../access/contract.ts";
import { ContainedChildren } from "../shell/contract.ts";
import { operations } from "./operations.ts";
import { prompts, resources } from "./resources.ts";
import { reading, readPermission, writePermission, writing } from "./scope.ts";

export const config = v.strictObject({
  trashKeepMs: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(Number.MAX_SAFE_INTEGER),
      v.description("How long what was removed can be brought back"),
    ),
    2_592_000_000,
  ),
  cacheBytesMax: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(Number.MAX_SAFE_INTEGER),
      v.description("On the disk, of what was read of mounts that are far away; 0: nothing is kept"),
    ),
    1_073_741_824,
  ),
});

export const fs = defineModule({
  id: "fs",
  summary: "Files of this machine",
  config,
  permissions: {
    [reading]: readPermission,
    [writing]: writePermission,
  },
  requires: { children: ContainedChildren, clock: Clock, host: Host, random: Random, secrets: Secrets },
  provides: {},
  operations,
  prompts,
  resources,
  start: async (input) => (await import("./start.ts")).startFs(input),
});
