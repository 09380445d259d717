/** Every operation of fs. */
import type { Operation } from "../../src/kernel/operation.ts";
import { lookOperations } from "./operations-look.ts";
import { mountOperations } from "./operations-mounts.ts";
import { parseOperations } from "./operations-parse.ts";
import { readOperations } from "./operations-read.ts";
import { searchOperations } from "./operations-search.ts";
import { trashOperations } from "./operations-trash.ts";
import { watchOperations } from "./operations-watch.ts";
import { writeOperations } from "./operations-write.ts";
import type { FsState } from "./state.ts";

export const operations: readonly Operation<FsState>[] = [
  ...lookOperations,
  ...readOperations,
  ...searchOperations,
  ...watchOperations,
  ...parseOperations,
  ...writeOperations,
  ...trashOperations,
  ...mountOperations,
];
