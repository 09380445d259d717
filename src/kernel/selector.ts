/**
 * Where a call is to run: `pi`, a peer id, `any`, `any:gpu=true`, `all`, `gpu=true`, or labels joined by commas. Its
 * form alone says whether it means one node or many, so that every surface knows the shape of the answer beforehand.
 */
import { OperoneError } from "./error.ts";

export type Labels = Readonly<Record<string, string>>;

export type Selector =
  /** A name or a peer id. */
  | { readonly kind: "one"; readonly name: string }
  /** The best of those with all the labels. */
  | { readonly kind: "any"; readonly labels: Labels }
  /** Every one with all the labels; no labels: all. */
  | { readonly kind: "many"; readonly labels: Labels };

/** Of a selector as it is typed. */
const lengthMax = 256;
const labelsMax = 16;
const labelForm = /^[a-z0-9][a-z0-9._-]{0,62}=[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** @throws OperoneError `invalid_input` */
export function parseSelector(text: string): Selector {
  if (text === "" || text.length > lengthMax || /[\s\p{Cc}]/u.test(text)) throw refused(text);
  if (text === "all") return { kind: "many", labels: {} };
  if (text === "any") return { kind: "any", labels: {} };
  if (text.startsWith("any:")) return { kind: "any", labels: parseLabels(text, text.slice(4)) };
  if (text.includes("=")) return { kind: "many", labels: parseLabels(text, text) };
  return { kind: "one", name: text };
}

/** Whether the answer is one item for each node. False also for what `parseSelector` refuses. */
export function selectsMany(text: string | undefined): boolean {
  return text !== undefined && (text === "all" || (text.includes("=") && !text.startsWith("any:")));
}

export function hasLabels(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}

function parseLabels(text: string, list: string): Labels {
  const parts = list.split(",");
  if (parts.length > labelsMax || !parts.every((part) => labelForm.test(part))) throw refused(text);
  return Object.fromEntries(parts.map((part) => part.split("=") as [string, string]));
}

function refused(text: string): OperoneError {
  return new OperoneError(
    "invalid_input",
    `${JSON.stringify(text.slice(0, 80))} selects no node; write a name, a peer id, any, all, gpu=true or any:gpu=true`,
  );
}
