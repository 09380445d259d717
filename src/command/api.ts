/** `operone api`: the documents of this version, made from the modules. None needs a node. */
import { modules } from "../modules.ts";
import { apiPage } from "../surface/apipage.ts";
import { manifestsOf } from "../surface/manifest.ts";
import { openApiDocument } from "../surface/openapi.ts";
import { referenceMarkdown } from "../surface/reference.ts";
import type { CommandInput } from "./command.ts";
import { commands } from "./commands.ts";
import { offlineTable } from "./table.ts";
import { operoneVersion } from "./version.ts";

export function openapi({ terminal }: CommandInput): number {
  const document = openApiDocument(offlineTable(), { version: operoneVersion });
  terminal.out(`${JSON.stringify(document, null, 2)}\n`);
  return 0;
}

export function manifest({ terminal }: CommandInput): number {
  terminal.out(`${JSON.stringify(manifestsOf(modules), null, 2)}\n`);
  return 0;
}

export function page({ terminal }: CommandInput): number {
  terminal.out(apiPage(offlineTable(), { version: operoneVersion }));
  return 0;
}

export function reference({ terminal }: CommandInput): number {
  terminal.out(referenceMarkdown({ modules, table: offlineTable(), commands }));
  return 0;
}
