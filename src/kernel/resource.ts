/**
 * What a module shows under a URI, and the words that it has ready for an agent. Both are data beside the operations: a
 * surface reads, lists, watches and completes by calling the operations that they name, as whoever asks. So nothing
 * is reached by them that could not be reached by a call.
 */

import type { Questions, Replies } from "./question.ts";

/** Of a URI or a prompt, by name, decoded. */
export type Variables = Readonly<Record<string, string>>;

/** A call to be made, as the caller. */
export interface Use {
  /** An operation's id. */
  readonly operation: string;
  input(variables: Variables): Readonly<Record<string, unknown>>;
}

/** What a person may go on to type. */
export interface Completion extends Use {
  /** @param variables what is known so far; of the argument itself, what has been typed */
  values(answer: unknown, variables: Variables): readonly string[];
}

export interface Listing extends Use {
  /** Of each that there is: its variables and what it is called. */
  each(answer: unknown): readonly { readonly variables: Variables; readonly title: string }[];
}

export interface Watch extends Use {
  /** Of an item after which nothing is missed. Absent: nothing is as soon as the call runs. */
  begins?(item: unknown): boolean;
  /** Of an item that tells of a change. Absent: each does. */
  changes?(item: unknown): boolean;
}

export interface Resource {
  /**
   * Beginning with "/": below every node, so that its URI is `operone://NODE` and this. Else a whole URI, which is here.
   * `{name}` stands for a part without slashes, `{+name}` for the rest, slashes too (RFC 6570).
   */
  readonly uri: string;
  /** Lower-case words joined by "-", and no other resource has it. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Of what `read` gives, unless that says so itself. */
  readonly mediaType?: string;
  readonly read: Use;
  /** Those that there are now. Absent: it has no variables, or there are too many. */
  readonly list?: Listing;
  /** Gives items as it changes. Absent: it is read again and compared. */
  readonly watch?: Watch;
  readonly complete?: Readonly<Record<string, Completion>>;
}

export type PromptContent =
  | { readonly text: string }
  /** A resource, read when the prompt is asked for. As `Resource.uri`, filled in. */
  | { readonly uri: string }
  | { readonly base64: string; readonly mediaType: string };

export interface PromptMessage {
  readonly role: "user" | "assistant";
  readonly content: PromptContent;
}

export interface PromptArgument {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly complete?: Completion;
}

export interface Prompt {
  /** Lower-case words joined by "-" or "_", and no other prompt has it. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly PromptArgument[];
  /** Operations that it speaks of: it is for those who may call them all. */
  readonly uses: readonly string[];
  /** What is asked of the person before there are messages. */
  readonly asks?: Questions;
  /** @param replies to everything that it asks */
  messages(values: Variables, replies: Replies): readonly PromptMessage[];
}
