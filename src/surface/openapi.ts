import type { OperationTable } from "../kernel/view.ts";
export function openApiDocument(
  _table: OperationTable,
  _about: { readonly version: string },
): Record<string, unknown> {
  return {};
}
