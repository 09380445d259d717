/** Every kind of mount, sorted. */
import type { MountKind } from "../mount-kind.ts";
import { archiveKind } from "./archive-kind.ts";
import { localKind } from "./local-kind.ts";
import { memoryKind } from "./memory-kind.ts";
import { nodeKind } from "./node-kind.ts";
import { s3Kind } from "./s3-kind.ts";

export const mountKinds: readonly MountKind[] = [archiveKind, localKind, memoryKind, nodeKind, s3Kind];
