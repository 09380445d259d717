/** What access adds to the node's diagnosis. */
import type { Check, Files, Finding } from "../../src/kernel/ports.ts";
import type { AccessParts } from "./state.ts";

/** SQLite reads the whole file at once, some hundred MiB a second, and the node waits for it. */
const databaseBytesMax = 64 * 1024 * 1024;

export interface Checked {
  readonly parts: () => Promise<{
    readonly audit: Pick<AccessParts["audit"], "verify">;
    readonly problems: AccessParts["problems"];
  }>;
  readonly files: Pick<Files, "facts">;
  /** The database. */
  readonly path: string;
}

export function accessChecks(checked: Checked): readonly Check[] {
  return [
    { name: "audit", run: (signal) => auditChain(checked, signal) },
    { name: "access database", run: () => database(checked) },
  ];
}

async function auditChain({ parts }: Checked, signal: AbortSignal): Promise<Finding> {
  const { audit } = await parts();
  const { ok, records, broken } = await audit.verify(undefined, signal, () => {});
  if (ok) return { verdict: "ok", found: `the chain of ${records} records is whole` };
  return {
    verdict: "failure",
    found: `the audit was changed from outside: record ${broken?.seq}, ${broken?.reason}`,
    fix: 'compare with a backup or with heads that you kept ("operone audit verify --head"); whoever did it could write the node\'s files',
  };
}

async function database({ parts, files, path }: Checked): Promise<Finding> {
  const { sizeBytes = 0 } = (await files.facts(path)) ?? {};
  const size = `${Math.ceil(sizeBytes / 1024 / 1024)} MiB`;
  if (sizeBytes > databaseBytesMax)
    return { verdict: "ok", found: `${size}; too large to be read through while the node runs` };
  const problems = (await parts()).problems();
  if (problems.length === 0) return { verdict: "ok", found: `${size}, whole` };
  return {
    verdict: "failure",
    found: `${path} is damaged: ${problems[0]}`,
    fix: "stop the node, move its data directory away, and restore a backup (operone restore FILE)",
  };
}
