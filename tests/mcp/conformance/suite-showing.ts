/** The resources and prompts of the official conformance suite, and the operations that they are read and completed by. */
import { Buffer } from "node:buffer";
import * as v from "valibot";
import { type Operation, operationsOf } from "../../../src/kernel/operation.ts";
import type { Completion, Prompt, PromptContent, Resource } from "../../../src/kernel/resource.ts";
import { png } from "./suite-media.ts";

const op = operationsOf<null>("test");

const base = { needs: [], effect: "read", surfaces: ["mcp"] } as const;

const texts: Readonly<Record<string, string>> = {
  "static-text": "This is the content of the static text resource.",
  "example-resource": "Embedded resource content for testing.",
  "watched-resource": "This resource is watched.",
};

const content = op({
  ...base,
  name: "content",
  summary: "Give what one of the resources holds",
  gives: "bytes",
  input: v.strictObject({ name: v.pipe(v.string(), v.description("Of the resource")) }),
  run: (_state, { name }) => {
    const text = texts[name];
    const bytes = text === undefined ? Buffer.from(png, "base64") : Buffer.from(text);
    return {
      mediaType: text === undefined ? "image/png" : "text/plain",
      async *open() {
        yield bytes;
      },
    };
  },
});

const data = op({
  ...base,
  name: "data",
  summary: "Give the data of an id",
  input: v.strictObject({ id: v.pipe(v.string(), v.description("Whose")) }),
  output: v.strictObject({ id: v.string(), templateTest: v.boolean(), data: v.string() }),
  run: (_state, { id }) => ({ id, templateTest: true, data: `Data for ID: ${id}` }),
});

const words = op({
  ...base,
  name: "words",
  summary: "Give words that can be typed",
  input: v.strictObject({}),
  output: v.array(v.string()),
  run: () => ["paris", "park", "party", "testing"],
});

export const showingOperations: readonly Operation<null>[] = [content, data, words];

function fixed(name: string, mediaType: string): Resource {
  return {
    ...{ uri: `test://${name}`, name, title: name, description: `The resource ${name}`, mediaType },
    read: { operation: "test.content", input: () => ({ name }) },
  };
}

export const resources: readonly Resource[] = [
  ...Object.keys(texts).map((name) => fixed(name, "text/plain")),
  fixed("static-binary", "image/png"),
  {
    uri: "test://template/{id}/data",
    name: "template",
    title: "Data by id",
    description: "What there is for an id",
    mediaType: "application/json",
    read: { operation: "test.data", input: ({ id = "" }) => ({ id }) },
  },
];

const word: Completion = {
  operation: "test.words",
  input: () => ({}),
  values: (answer) => (v.is(v.array(v.string()), answer) ? answer : []),
};

function prompt(
  name: string,
  messages: (values: Readonly<Record<string, string>>) => readonly PromptContent[],
) {
  return {
    ...{ name, title: name, description: `The prompt ${name}`, arguments: [], uses: [] },
    messages: (values) => messages(values).map((one) => ({ role: "user", content: one })),
  } satisfies Prompt;
}

const argument = (name: string) => ({ name, description: "For testing", required: true, complete: word });

export const prompts: readonly Prompt[] = [
  prompt("test_simple_prompt", () => [{ text: "This is a simple prompt for testing." }]),
  {
    ...prompt("test_prompt_with_arguments", ({ arg1, arg2 }) => [
      { text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` },
    ]),
    arguments: [argument("arg1"), argument("arg2")],
  },
  {
    ...prompt("test_prompt_with_embedded_resource", ({ resourceUri = "" }) => [
      { uri: resourceUri },
      { text: "Please process the embedded resource above." },
    ]),
    arguments: [{ name: "resourceUri", description: "Of the resource", required: true }],
  },
  prompt("test_prompt_with_image", () => [
    { base64: png, mediaType: "image/png" },
    { text: "Please analyze the image above." },
  ]),
  {
    ...prompt("test_input_required_result_prompt", () => []),
    asks: {
      user_context: {
        ask: "form",
        message: "What context should the prompt use?",
        fields: { context: { type: "string" } },
        required: ["context"],
      },
    },
    messages: (_values, replies) => [{ role: "user", content: { text: JSON.stringify(replies) } }],
  },
];
