/** What each kind of document has: a way to its facts and its blocks. Runs in a contained child only. */
import type { ByteSource } from "./byte-source.ts";
import type { FileKind } from "./file-kind.ts";
import type { Block, DocumentFacts, ParseRequest, Summary } from "./shapes.ts";
import { decoded } from "./text-encoding.ts";

export interface ParserInput {
  readonly source: ByteSource;
  readonly kind: FileKind;
  readonly request: ParseRequest;
}

export type Part =
  | { readonly document: DocumentFacts }
  | { readonly block: Block }
  /** What is known at the end alone. */
  | { readonly counted: Partial<Pick<Summary, "rows" | "lines" | "pages">>; readonly truncated?: true };

export type Parser = (input: ParserInput) => AsyncGenerator<Part, void, undefined>;

/** Of kinds that are read whole. */
export const wholeBytesMax = 128 * 1024 * 1024;

export function texts({ source, kind }: ParserInput): AsyncGenerator<string, void, undefined> {
  return decoded(source.chunks(), kind.encoding ?? "utf-8");
}

export async function wholeText(input: ParserInput): Promise<string> {
  const bytes = await input.source.whole(wholeBytesMax);
  const parts: string[] = [];
  for await (const text of decoded(once(bytes), input.kind.encoding ?? "utf-8")) parts.push(text);
  return parts.join("");
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The beginning as text, for what is told first. */
export async function sampleOf({ source, kind }: ParserInput, bytesMax?: number): Promise<string> {
  const { bytes } = await source.head(bytesMax);
  let text = "";
  for await (const part of decoded(once(bytes), kind.encoding ?? "utf-8")) text += part;
  return text;
}

/** A fact is a name or a few words, whatever a document puts there. */
const factLengthMax = 10_000;

/** Facts with what is undefined or empty left out. */
export function factsOf(
  { kind }: ParserInput,
  more: { readonly [Name in keyof DocumentFacts]?: DocumentFacts[Name] | undefined },
) {
  const known = Object.entries({ ...kind, ...more }).filter(
    ([, value]) => value !== undefined && value !== "",
  );
  const held = known.map(([name, value]) => [
    name,
    typeof value === "string" ? value.slice(0, factLengthMax) : value,
  ]);
  return { document: Object.fromEntries(held) as DocumentFacts };
}
