/** Which operone this is. The build writes both names into the file; from source they come from package.json. */
import packageJson from "../../package.json" with { type: "json" };
import type { CommandInput } from "./command.ts";

declare const OPERONE_VERSION: string | undefined;
declare const OPERONE_COMMIT: string | undefined;

export const operoneVersion: string =
  typeof OPERONE_VERSION === "string" ? OPERONE_VERSION : packageJson.version;
const commit = typeof OPERONE_COMMIT === "string" ? OPERONE_COMMIT : "source";

export function versionLine(): string {
  return `operone ${operoneVersion} (${commit})`;
}

export function version({ json, terminal }: Pick<CommandInput, "json" | "terminal">): number {
  terminal.out(
    json
      ? `${JSON.stringify({ version: operoneVersion, commit, bun: Bun.version, os: process.platform, cpu: process.arch })}\n`
      : `${versionLine()}\n`,
  );
  return 0;
}
