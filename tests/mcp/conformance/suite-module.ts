/** The tools, resources and prompts that the official conformance suite asks for, registered as any module does. */
import * as v from "valibot";
import { OperoneError } from "../../../src/kernel/error.ts";
import { defineModule, type Module } from "../../../src/kernel/module.ts";
import { type AgentContent, type Operation, operationsOf } from "../../../src/kernel/operation.ts";
import { askingOperations } from "./suite-asking.ts";
import { png, wav } from "./suite-media.ts";
import { prompts, resources, showingOperations } from "./suite-showing.ts";
import { taskModules } from "./suite-tasks.ts";

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

function logging(name: string): Operation<null> {
  return op({
    ...base,
    name,
    summary: "Tell what it does",
    run: async (_state, _input, { progress }) => {
      for (const note of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        progress({ done: 0, note });
        await new Promise((resolve) => setTimeout(resolve, stepMs));
      }
      return null;
    },
  });
}

/** A module that fails when it is told to; what it shows goes with it. */
function passing(id: string, showsPrompt: boolean) {
  const failure = Promise.withResolvers<void>();
  const gone = operationsOf<null>(id)({
    ...base,
    name: "passing",
    summary: "Be here until then",
    run: () => null,
  });
  const prompt = { name: id, title: id, description: "Here until then", arguments: [], uses: [gone.id] };
  const module = defineModule({
    id,
    summary: "Fails in the end",
    config: v.strictObject({}),
    permissions: {},
    requires: {},
    provides: {},
    operations: [gone],
    prompts: showsPrompt ? [{ ...prompt, messages: () => [] }] : [],
    start: () => ({ state: null, services: {}, ready: failure.promise }),
  });
  return { module, fail: () => failure.reject(new OperoneError("unavailable", "It was to fail")) };
}

/** The module, and those whose failure changes the lists. */
export function suiteModules(): readonly Module[] {
  // The suite changes the tools several times.
  const tools = Array.from({ length: 4 }, (_, at) => `passing-${at + 1}`).map((id) => passing(id, false));
  const prompts = passing("passing-prompts", true);
  return [
    ...tools.map(({ module }) => module),
    prompts.module,
    ...taskModules,
    suiteModule([
      trigger("trigger-tool-change", () => tools.shift()?.fail()),
      trigger("trigger-prompt-change", () => prompts.fail()),
    ]),
  ];
}

function trigger(name: string, run: () => void): Operation<null> {
  return op({
    ...{ ...base, name, summary: "Change a list", effect: "write" },
    run: () => {
      run();
      return null;
    },
  });
}

const suiteModule = (more: readonly Operation<null>[]) =>
  defineModule({
    id: "test",
    summary: "What the conformance suite asks for",
    config: v.strictObject({}),
    permissions: {},
    requires: {},
    provides: {},
    operations: [
      ...contents,
      failing,
      progressing,
      logging("tool-with-logging"),
      logging("logging-tool"),
      ...askingOperations,
      ...showingOperations,
      ...more,
    ],
    resources,
    prompts,
    start: () => ({ state: null, services: {} }),
  });
