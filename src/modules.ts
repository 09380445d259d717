/** The modules that the binary contains, sorted by id. */
import { access } from "../modules/access/module.ts";
import { fs } from "../modules/fs/module.ts";
import { http } from "../modules/http/module.ts";
import { mcp } from "../modules/mcp/module.ts";
import { networking } from "../modules/networking/module.ts";
import { node } from "../modules/node/module.ts";
import { shell } from "../modules/shell/module.ts";
import type { Module } from "./kernel/module.ts";

export const modules: readonly Module[] = [access, fs, http, mcp, networking, node, shell];
