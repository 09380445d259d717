/** The tools that the official conformance suite asks for, registered as any module registers its operations. */
import * as v from "valibot";
import { OperoneError } from "../../../src/kernel/error.ts";
import { defineModule } from "../../../src/kernel/module.ts";
import { type AgentContent, type Operation, operationsOf } from "../../../src/kernel/operation.ts";

/** A red pixel. */
const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/** No sample at all. */
const wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

const op = operationsOf<null>("test");

const base = {
  needs: [],
  effect: "read",
  surfaces: ["mcp"],
  input: v.strictObject({}),
  output: v.null(),
} as const;

function telling(name: string, summary: string, content: readonly AgentContent[]): Operation<null> {
  return op({ ...base, name, summary, mcp: { content: () => content }, run: () => null });
}

const resource = (uri: string, mediaType: string, text: string): AgentContent => ({
  ...{ type: "resource", uri, mediaType, text },
});

const contents: readonly Operation<null>[] = [
  telling("simple-text", "Give text", [
    { type: "text", text: "This is a simple text response for testing." },
  ]),
  telling("image-content", "Give an image", [{ type: "image", data: png, mediaType: "image/png" }]),
  telling("audio-content", "Give a sound", [{ type: "audio", data: wav, mediaType: "audio/wav" }]),
  telling("embedded-resource", "Give a resource", [
    resource("test://embedded-resource", "text/plain", "This is an embedded resource content."),
  ]),
  telling("multiple-content-types", "Give several", [
    { type: "text", text: "Multiple content types test:" },
    { type: "image", data: png, mediaType: "image/png" },
    resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
  ]),
];

const failing = op({
  ...base,
  name: "error-handling",
  summary: "Fail",
  run: () => {
    throw new OperoneError("conflict", "This tool intentionally returns an error for testing");
  },
});

const stepMs = 50;

const progressing = op({
  ...base,
  name: "tool-with-progress",
  summary: "Tell how far it is",
  run: async (_state, _input, { progress }) => {
    for (const done of [0, 50, 100]) {
      progress({ done, total: 100 });
      await new Promise((resolve) => setTimeout(resolve, stepMs));
    }
    return null;
  },
});

export const suiteModule = defineModule({
  id: "test",
  summary: "What the conformance suite asks for",
  config: v.strictObject({}),
  permissions: {},
  requires: {},
  provides: {},
  operations: [...contents, failing, progressing],
  start: () => ({ state: null, services: {} }),
});
