/** The tools of the official conformance suite that ask back. */
import * as v from "valibot";
import { type AgentContent, type Operation, operationsOf } from "../../../src/kernel/operation.ts";
import type { FormField, Question, Questions, Reply } from "../../../src/kernel/question.ts";

const op = operationsOf<null>("test");

const base = {
  needs: [],
  effect: "read",
  surfaces: ["mcp"],
  input: v.strictObject({}),
  output: v.string(),
  mcp: { content: (text: string): readonly AgentContent[] => [{ type: "text", text }] },
} as const;

function form(message: string, name: string, field: FormField = { type: "string" }): Question {
  return { ask: "form", message, fields: { [name]: field }, required: [name] };
}

function told(reply: Reply | undefined): string {
  if (reply?.to === "form") return `action=${reply.action}, content=${JSON.stringify(reply.content)}`;
  return reply?.to === "model" ? reply.text : (reply?.uris.join(", ") ?? "nothing");
}

/** Asks all of it at once, and tells the replies. */
function asking(name: string, questions: Questions, before = "Replied: "): Operation<null> {
  return op({
    ...base,
    name,
    summary: "Ask",
    run: async (_state, _input, { asker }) => {
      const replies = await asker.ask(questions);
      return `${before}${Object.values(replies).map(told).join("; ")}`;
    },
  });
}

const capital: Question = { ask: "model", prompt: "What is the capital of France?", tokensMax: 100 };
const confirm: Questions = { confirm: form("Please confirm", "ok", { type: "boolean" }) };
const userName = form("What is your name?", "name");

const rounds = op({
  ...base,
  name: "input-required-result-multi-round",
  summary: "Ask twice",
  run: async (_state, _input, { asker }) => {
    const { step1 } = await asker.ask({ step1: form("Step 1: What is your name?", "name") });
    const { step2 } = await asker.ask({ step2: form("Step 2: What is your favorite color?", "color") });
    return `${told(step1)}; ${told(step2)}`;
  },
});

const able = op({
  ...base,
  name: "input-required-result-capabilities",
  summary: "Ask what can be asked",
  run: async (_state, _input, { asker }) => {
    const all: Questions = { capital_question: capital, user_name: userName };
    const questions = Object.fromEntries(Object.entries(all).filter(([, { ask }]) => asker.can.has(ask)));
    const replies = await asker.ask(questions);
    return Object.values(replies).map(told).join("; ");
  },
});

const elicitation = op({
  ...base,
  name: "elicitation",
  summary: "Ask for a name and an address",
  input: v.strictObject({ message: v.pipe(v.string(), v.description("What the person reads")) }),
  run: async (_state, { message }, { asker }) => {
    const fields = {
      username: { type: "string", description: "User's response" },
      email: { type: "string", description: "User's email address" },
    } as const;
    const { user } = await asker.ask({
      user: { ask: "form", message, fields, required: ["username", "email"] },
    });
    return `User response: ${told(user)}`;
  },
});

const sampling = op({
  ...base,
  name: "sampling",
  summary: "Ask the model",
  input: v.strictObject({ prompt: v.pipe(v.string(), v.description("What it reads")) }),
  run: async (_state, { prompt }, { asker }) => {
    const { answer } = await asker.ask({ answer: { ask: "model", prompt, tokensMax: 100 } });
    return `LLM response: ${told(answer)}`;
  },
});

const defaults: Question = {
  ask: "form",
  message: "Please look over the values",
  fields: {
    name: { type: "string", default: "John Doe" },
    age: { type: "integer", default: 30 },
    score: { type: "number", default: 95.5 },
    status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
    verified: { type: "boolean", default: true },
  },
};

const options = ["option1", "option2", "option3"];
const titled = (what: string) =>
  ["First", "Second", "Third"].map((title, at) => ({ const: `value${at + 1}`, title: `${title} ${what}` }));
const enums: Question = {
  ask: "form",
  message: "Please choose",
  fields: {
    untitledSingle: { type: "string", enum: options },
    titledSingle: { type: "string", oneOf: titled("Option") },
    legacyEnum: {
      type: "string",
      enum: ["opt1", "opt2", "opt3"],
      enumNames: ["Option One", "Option Two", "Option Three"],
    },
    untitledMulti: { type: "array", items: { type: "string", enum: options } },
    titledMulti: { type: "array", items: { anyOf: titled("Choice") } },
  },
};

const completed = "Elicitation completed: ";

const withTask = op({
  ...base,
  name: "tool-with-task",
  summary: "Ask, and then take long",
  deadlineMs: 0,
  run: async (_state, _input, { asker }) => {
    const { user_name } = await asker.ask({ user_name: userName });
    await new Promise((resolve) => setTimeout(resolve, 700));
    return `Hello: ${told(user_name)}`;
  },
});

export const askingOperations: readonly Operation<null>[] = [
  ...[elicitation, sampling, rounds, able, withTask],
  asking("elicitation-sep1034-defaults", { values: defaults }, completed),
  asking("elicitation-sep1330-enums", { choices: enums }, completed),
  asking("streaming-elicitation", { user_name: userName }),
  asking("missing-capability", { capital_question: capital }),
  asking("input-required-result-elicitation", { user_name: userName }, "Hello: "),
  asking("input-required-result-sampling", { capital_question: capital }),
  asking("input-required-result-list-roots", { client_roots: { ask: "folders" } }),
  asking("input-required-result-request-state", confirm, "state-ok: "),
  asking("input-required-result-tampered-state", confirm),
  asking("input-required-result-multiple-inputs", {
    user_name: userName,
    greeting: { ask: "model", prompt: "Generate a greeting", tokensMax: 50 },
    client_roots: { ask: "folders" },
  }),
];
