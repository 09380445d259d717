import type { OperationTable } from "../kernel/view.ts";
export function apiPage(_table: OperationTable, _about: { readonly version: string }): string {
  return "";
}
