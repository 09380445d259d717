/** What connecting a client needs of the world, so that a test can bring its own. */
import { homedir } from "node:os";
import { resolve } from "node:path";
import { OperoneError } from "../kernel/error.ts";
import { dataDirectory } from "../platform/paths.ts";
import { selfCommand } from "../platform/self.ts";
import type { OperationClient } from "../surface/client.ts";
import type { CommandInput } from "./command.ts";
import type { Place } from "./mcp-clients.ts";
import { nodeClient } from "./operation.ts";

export interface Outside {
  readonly place: Place;
  readonly node: OperationClient;
  /** This program, and the words before its arguments. */
  readonly program: readonly string[];
  /** Whether a program without OPERONE_HOME finds this data directory. */
  readonly isUsualHome: boolean;
}

export function realOutside(directory: string): Outside {
  const place = {
    platform: process.platform,
    home: homedir(),
    environment: process.env,
    folder: process.cwd(),
  };
  return {
    place,
    node: nodeClient(directory),
    program: selfCommand(),
    isUsualHome: resolve(directory) === dataDirectory(undefined, {}),
  };
}

/** @throws OperoneError `cancelled` for a no, `invalid_input` when nobody is there to say yes */
export async function assertYes(
  { terminal, json, flag }: CommandInput,
  question: string,
  command: string,
): Promise<void> {
  if (flag("yes")) return;
  const answer = json ? undefined : await terminal.ask(question);
  if (answer === undefined) {
    throw new OperoneError(
      "invalid_input",
      `Nothing was changed: nobody is there to ask; "operone ${command} --yes" does not ask`,
    );
  }
  if (!/^y(es)?$/i.test(answer.trim())) throw new OperoneError("cancelled", "Nothing was changed");
}
