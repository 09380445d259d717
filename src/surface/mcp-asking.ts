/**
 * Calls that ask back: an operation its questions, or the node for a person's approval. The call is given up, the
 * client gets the questions, and makes the call again with the replies. In revision 2026-07-28 that is a result,
 * `input_required`; for older clients the SDK turns it into requests of its own.
 */
import {
  type CallToolResult,
  type InputRequest,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  ProtocolErrorCode,
  type ServerContext,
} from "@modelcontextprotocol/server";
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";
import type { Progress } from "../kernel/operation.ts";
import type { ApprovalRequest } from "../kernel/ports.ts";
import type { Asker, Question, Questions, Replies, Reply } from "../kernel/question.ts";
import { answered, approvalKey, questionFor } from "./mcp-approval.ts";
import type { McpOwner, McpSession } from "./mcp-session.ts";
import { joined, signalsOf } from "./mcp-signal.ts";
import {
  type CallState,
  type ClientCapabilities,
  knowsTasks,
  sealed,
  showsForms,
  stateOf,
} from "./mcp-state.ts";
import type { Task } from "./mcp-task-book.ts";

/** How a call that has to wait is noticed, and given up to be made again, or goes on as a task. */
export interface Asking {
  readonly signal: AbortSignal;
  /** Aborted when the request has its answer: nothing more may be told about it. */
  readonly answered: AbortSignal;
  readonly asker: Asker;
  readonly onAsking?: (asked: ApprovalRequest) => void;
  onProgress(progress: Progress): void;
}

const repliedBytesMax = 64 * 1024;

/** @param call every error of it is in its result, except those that the protocol has words for */
export async function withQuestions(
  session: McpSession,
  capabilities: ClientCapabilities,
  context: ServerContext,
  call: (asking: Asking) => Promise<CallToolResult>,
): Promise<CallToolResult | InputRequiredResult> {
  const owner = showsForms(capabilities) ? session.owner : undefined;
  if (owner !== undefined) await answered(session, owner, context);
  return await new AskingCall(session, capabilities, context, owner).answer(call);
}

type First =
  | { readonly result: CallToolResult }
  | { readonly questions: Questions }
  | { readonly request: ApprovalRequest }
  | { readonly slow: true };

class AskingCall {
  readonly #session: McpSession;
  readonly #context: ServerContext;
  readonly #owner: McpOwner | undefined;
  readonly #stop = new AbortController();
  readonly #answered = new AbortController();
  readonly #approving = Promise.withResolvers<ApprovalRequest>();
  readonly #asker: ClientAsker;
  readonly #mayBeTask: boolean;
  #task: Task | undefined;

  constructor(
    session: McpSession,
    capabilities: ClientCapabilities,
    context: ServerContext,
    owner: McpOwner | undefined,
  ) {
    this.#session = session;
    this.#context = context;
    this.#owner = owner;
    this.#asker = new ClientAsker(session, capabilities, context);
    this.#mayBeTask = session.tasks !== undefined && knowsTasks(capabilities);
  }

  async answer(
    call: (asking: Asking) => Promise<CallToolResult>,
  ): Promise<CallToolResult | InputRequiredResult> {
    const request = joined([...signalsOf(this.#context), this.#session.signal]);
    const follow = () => this.#stop.abort(request.signal.reason);
    if (request.signal.aborted) follow();
    request.signal.addEventListener("abort", follow, { once: true });
    let stopWaiting = () => {};
    try {
      const calling = call(this.#asking());
      const slow = new Promise<First>((resolve) => {
        if (!this.#mayBeTask) return;
        const { timer, limits } = this.#session;
        stopWaiting = timer.after(limits.taskAfterMs, () => resolve({ slow: true }));
      });
      const first = await Promise.race<First>([
        calling.then((result) => ({ result })),
        this.#asker.asked.then((questions) => ({ questions })),
        this.#approving.promise.then((asked) => ({ request: asked })),
        slow,
      ]);
      return await this.#answerTo(first, calling);
    } finally {
      stopWaiting();
      this.#answered.abort();
      if (this.#task === undefined)
        this.#stop.abort(new OperoneError("cancelled", "The request was answered"));
      request.signal.removeEventListener("abort", follow);
      request.release();
    }
  }

  #asking(): Asking {
    return {
      signal: this.#stop.signal,
      answered: this.#answered.signal,
      asker: this.#asker,
      ...(this.#owner === undefined ? {} : { onAsking: (request) => this.#approving.resolve(request) }),
      onProgress: (progress) => this.#task?.say(progress.note ?? saidOf(progress)),
    };
  }

  async #answerTo(
    first: First,
    calling: Promise<CallToolResult>,
  ): Promise<CallToolResult | InputRequiredResult> {
    if ("result" in first) return first.result;
    if ("slow" in first) return await this.#asTask(calling);
    const question =
      "questions" in first
        ? await this.#asker.result(first.questions)
        : await this.#approvalResult(first.request);
    // Somebody may have answered in the queue meanwhile, or it cannot be found: then there is nothing to ask.
    if (question === undefined) return await calling;
    this.#stop.abort(
      new OperoneError("cancelled", "Whoever called is asked, and calls again with the reply"),
    );
    await calling.catch(() => {});
    return question;
  }

  async #approvalResult(request: ApprovalRequest): Promise<InputRequiredResult | undefined> {
    if (this.#owner === undefined) return undefined;
    const asked = await questionFor(this.#session, this.#owner, request);
    if (asked === undefined) return undefined;
    const state = { ...stateOf(this.#context), approval: asked.approval };
    return inputRequired({
      inputRequests: { [approvalKey]: asked.question },
      requestState: await sealed(this.#session, state, this.#context),
    });
  }

  /**
   * From here on the call is nobody's request any more. What has to be approved was asked by now, because that comes
   * before the work; if it was not, it waits in the queue.
   */
  async #asTask(calling: Promise<CallToolResult>): Promise<CallToolResult> {
    const { tasks } = this.#session;
    const { revoked } = await this.#session.identity();
    const task = tasks?.book.add(tasks.owner, this.#stop, revoked);
    if (task === undefined) return await calling;
    this.#task = task;
    this.#asker.askThrough(task);
    calling.then(
      (result) => task.end({ status: "completed", result: { resultType: "complete", ...result } }),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : "It failed";
        task.end({ status: "failed", error: { code: ProtocolErrorCode.InternalError, message } });
      },
    );
    // The SDK's types know no such result; as JSON it goes through.
    return JSON.parse(JSON.stringify({ ...task.head(), resultType: "task" })) as CallToolResult;
  }
}

function saidOf({ done, total, unit }: Progress): string {
  return [done, ...(total === undefined ? [] : ["of", total]), ...(unit === undefined ? [] : [unit])].join(
    " ",
  );
}

/** Questions to be asked before there is anything to be done. Undefined: all of them have replies. */
export async function askedBefore(
  session: McpSession,
  capabilities: ClientCapabilities,
  context: ServerContext,
  questions: Questions,
): Promise<{ readonly replies: Replies } | { readonly question: InputRequiredResult }> {
  const asker = new ClientAsker(session, capabilities, context);
  const asking = asker.ask(questions).then((replies) => ({ replies }));
  return await Promise.race([
    asking,
    asker.asked.then(async (missing) => ({ question: await asker.result(missing) })),
  ]);
}

class ClientAsker implements Asker {
  readonly can: ReadonlySet<Question["ask"]>;
  readonly #session: McpSession;
  readonly #context: ServerContext;
  readonly #state: CallState;
  readonly #asked = Promise.withResolvers<Questions>();
  #task: Task | undefined;
  #handOver: (task: Task) => void = () => {};

  constructor(session: McpSession, capabilities: ClientCapabilities, context: ServerContext) {
    this.#session = session;
    this.#context = context;
    this.#state = stateOf(context);
    const kinds: readonly (readonly [Question["ask"], boolean])[] = [
      ["form", showsForms(capabilities)],
      ["model", capabilities.sampling !== undefined],
      ["folders", capabilities.roots !== undefined],
    ];
    this.can = new Set(kinds.flatMap(([kind, can]) => (can ? [kind] : [])));
  }

  /** Those that have no reply yet. */
  get asked(): Promise<Questions> {
    return this.#asked.promise;
  }

  ask(questions: Questions): Promise<Replies> {
    const replies = Object.entries(questions).map(([key, question]): [string, Reply | undefined] => [
      key,
      this.#reply(key, question),
    ]);
    const known = replies.flatMap(([key, reply]): [string, Reply][] =>
      reply === undefined ? [] : [[key, reply]],
    );
    if (known.length === replies.length) return Promise.resolve(Object.fromEntries(known));
    this.#asked.resolve(
      Object.fromEntries(Object.entries(questions).filter(([key]) => !known.some(([has]) => has === key))),
    );
    if (this.#task !== undefined) return this.#through(this.#task, questions, Object.fromEntries(known));
    // The call is given up, and its signal ends whatever waits; or it becomes a task, and is asked for there.
    return new Promise((resolve, reject) => {
      this.#handOver = (task) =>
        this.#through(task, questions, Object.fromEntries(known)).then(resolve, reject);
    });
  }

  /** What is asked from now on, and what waits already, is asked by the task. */
  askThrough(task: Task): void {
    this.#task = task;
    this.#handOver(task);
  }

  async #through(task: Task, questions: Questions, known: Replies): Promise<Replies> {
    const missing = Object.entries(questions).filter(([key]) => known[key] === undefined);
    const cannot = missing.find(([, { ask }]) => !this.can.has(ask));
    if (cannot !== undefined) {
      throw new OperoneError("unsupported", `"${cannot[0]}" must be asked, and this client cannot ask it`);
    }
    const replies = missing.map(
      async ([key, question]): Promise<[string, Reply]> => [
        key,
        await task.want(key, requestOf(question), (response) => replyTo(question, { [key]: response }, key)),
      ],
    );
    return { ...known, ...Object.fromEntries(await Promise.all(replies)) };
  }

  /** @throws OperoneError `too_large` */
  async result(questions: Questions): Promise<InputRequiredResult> {
    const replied = { ...this.#state.replied, ...this.#context.mcpReq.inputResponses };
    if (JSON.stringify(replied).length > repliedBytesMax)
      throw new OperoneError(
        "too_large",
        `The replies have more than ${repliedBytesMax} bytes; reply in fewer words`,
      );
    const requests = Object.entries(questions).map(([key, question]) => [key, requestOf(question)]);
    return inputRequired({
      inputRequests: Object.fromEntries(requests),
      requestState: await sealed(this.#session, { ...this.#state, replied }, this.#context),
    });
  }

  #reply(key: string, question: Question): Reply | undefined {
    const { inputResponses } = this.#context.mcpReq;
    return replyTo(question, inputResponses, key) ?? replyTo(question, this.#state.replied, key);
  }
}

function requestOf(question: Question): InputRequest {
  if (question.ask === "folders") return inputRequired.listRoots();
  if (question.ask === "form") {
    const { message, fields, required = [] } = question;
    // The SDK's types have arrays that can be written to; as JSON there is no difference.
    const properties = JSON.parse(JSON.stringify(fields)) as FormProperties;
    return inputRequired.elicit({
      message,
      requestedSchema: { type: "object", properties, required: [...required] },
    });
  }
  const { prompt: text, tokensMax: maxTokens } = question;
  return inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text } }],
    maxTokens,
  });
}

type FormProperties = Extract<
  Parameters<typeof inputRequired.elicit>[0]["requestedSchema"],
  { readonly type: "object" }
>["properties"];

const TextContent = v.looseObject({ type: v.literal("text"), text: v.string() });
const Sampled = v.looseObject({ content: v.union([TextContent, v.array(v.unknown())]) });
const Roots = v.array(v.looseObject({ uri: v.string() }));

/** Undefined for none, or one that does not fit: then it is asked again. */
function replyTo(
  question: Question,
  replies: Parameters<typeof inputResponse>[0],
  key: string,
): Reply | undefined {
  const response = inputResponse(replies, key);
  if (question.ask === "form" && response.kind === "elicit")
    return { to: "form", action: response.action, content: response.content ?? {} };
  if (question.ask === "model" && response.kind === "sampling") return sampled(response.result);
  if (question.ask !== "folders" || response.kind !== "roots") return undefined;
  const parsed = v.safeParse(Roots, response.roots);
  return parsed.success ? { to: "folders", uris: parsed.output.map(({ uri }) => uri) } : undefined;
}

function sampled(result: unknown): Reply | undefined {
  const parsed = v.safeParse(Sampled, result);
  if (!parsed.success) return undefined;
  const { content } = parsed.output;
  const parts = (Array.isArray(content) ? content : [content]).filter((part) => v.is(TextContent, part));
  return { to: "model", text: parts.map(({ text }) => text).join("") };
}
