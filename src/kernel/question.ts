/**
 * What an operation can ask back of whoever called it, on surfaces that can ask: a person, by a form; the model that the
 * person talks to; the folders that the program works in.
 *
 * A surface may give up the call when it asks, and make it again with the replies: so an operation asks before it does
 * anything, and asks the same under the same keys each time.
 */
import { OperoneError } from "./error.ts";

interface Words {
  readonly title?: string;
  readonly description?: string;
}

interface Choice {
  readonly const: string;
  readonly title: string;
}

/** One field of a form, as flat JSON Schema. */
export type FormField = Words &
  (
    | { readonly type: "string"; readonly default?: string }
    | {
        readonly type: "string";
        readonly enum: readonly string[];
        readonly enumNames?: readonly string[];
        readonly default?: string;
      }
    | { readonly type: "string"; readonly oneOf: readonly Choice[]; readonly default?: string }
    | {
        readonly type: "array";
        readonly items:
          | { readonly type: "string"; readonly enum: readonly string[] }
          | { readonly anyOf: readonly Choice[] };
      }
    | { readonly type: "number" | "integer"; readonly default?: number }
    | { readonly type: "boolean"; readonly default?: boolean }
  );

export type Question =
  | {
      readonly ask: "form";
      readonly message: string;
      readonly fields: Readonly<Record<string, FormField>>;
      readonly required?: readonly string[];
    }
  | { readonly ask: "model"; readonly prompt: string; readonly tokensMax: number }
  | { readonly ask: "folders" };

/** By a key that is the same each time the same is asked. */
export type Questions = Readonly<Record<string, Question>>;

/** Whoever replies may say anything: `content` is to be validated. */
export type Reply =
  | {
      readonly to: "form";
      readonly action: "accept" | "decline" | "cancel";
      readonly content: Readonly<Record<string, unknown>>;
    }
  | { readonly to: "model"; readonly text: string }
  | { readonly to: "folders"; readonly uris: readonly string[] };

export type Replies = Readonly<Record<string, Reply>>;

export interface Asker {
  /** What the one who called can be asked. */
  readonly can: ReadonlySet<Question["ask"]>;
  /**
   * One reply for each question.
   *
   * @throws OperoneError `unsupported` where nobody can be asked
   */
  ask(questions: Questions): Promise<Replies>;
}

/** Of a surface that cannot ask. */
export const nobody: Asker = {
  can: new Set(),
  async ask(questions) {
    throw new OperoneError(
      "unsupported",
      `Something must be asked first (${Object.keys(questions).join(", ")}), and nobody can be asked here; call it through an MCP client that shows forms`,
    );
  },
};
