/** The OpenAPI 3.1 document of the operations on HTTP, made from the table and from nothing else. */
import { type ErrorCode, errorCodes } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";
import type { OperationTable } from "../kernel/view.ts";
import { methodsOf } from "./http-request.ts";
import { eventName, headerName, mediaType, operationPath, webSocketProtocol } from "./http-wire.ts";
import { documentedErrors } from "./openapi-errors.ts";
import { namedSchemas, queryParameters, schemaRef } from "./openapi-schema.ts";

export interface DocumentFacts {
  readonly version: string;
}

type Json = Readonly<Record<string, unknown>>;

/** Equal for equal tables, to the byte. @throws Error when a schema cannot be written as JSON Schema */
export function openApiDocument(table: OperationTable, { version }: DocumentFacts): Json {
  const operations = [...table.values()].filter(({ surfaces }) => surfaces.includes("http"));
  const modules = [...new Set(operations.map(({ module }) => module))];
  return {
    openapi: "3.1.1",
    info: {
      title: "Operone",
      version,
      summary: "The operations of one node",
      description:
        "Every operation is a POST with JSON; those that only read also answer GET. On the Unix socket in the data directory the caller is the owner, elsewhere a token is needed. Failures are problem documents (RFC 9457).",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    servers: [
      { url: "http://127.0.0.1:6737", description: "Loopback; needs a token" },
      { url: "http://operone", description: "The Unix socket operone.sock; no token" },
    ],
    security: [{ token: [] }, {}],
    tags: modules.map((name) => ({ name })),
    paths: Object.fromEntries(operations.map((one) => [operationPath(one.id), pathItem(one)])),
    components: {
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "A token that this node issued, in the header; never in the query",
        },
      },
      schemas: {
        Problem: problemSchema,
        Progress: progressSchema,
        ...Object.fromEntries(operations.flatMap(namedSchemas)),
      },
      headers: {
        CallId: { description: "Names this call in the audit and the log", schema: { type: "string" } },
      },
      responses: Object.fromEntries(
        Object.keys(errorCodes).map((code) => [code, errorResponse(code as ErrorCode)]),
      ),
    },
  };
}

const problemSchema: Json = {
  type: "object",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string", format: "uri" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What was tried, the value that was refused, and the next step" },
    code: { enum: Object.keys(errorCodes) },
    details: { type: "object", description: "Facts for programs" },
    callId: { type: "string" },
  },
};

const progressSchema: Json = {
  type: "object",
  required: ["done"],
  properties: {
    done: { type: "number" },
    total: { type: "number" },
    unit: { type: "string" },
    note: { type: "string" },
  },
};

function errorResponse(code: ErrorCode): Json {
  const { http, title } = errorCodes[code];
  return {
    description: title,
    content: {
      [mediaType.problem]: {
        schema: {
          allOf: [
            { $ref: "#/components/schemas/Problem" },
            { properties: { status: { const: http }, code: { const: code } } },
          ],
        },
      },
    },
  };
}

function pathItem(operation: Operation): Json {
  if (operation.takes === "messages") return { get: webSocketOperation(operation) };
  const methods = methodsOf(operation);
  return {
    ...(methods.includes("GET") ? { get: getOperation(operation) } : {}),
    post: postOperation(operation),
  };
}

function described(operation: Operation, operationId: string): Json {
  const { summary, description, module, effect, needs, takes, gives, deadlineMs } = operation;
  return {
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [module],
    "x-operone": { effect, needs, takes, gives, deadlineMs },
  };
}

function getOperation(operation: Operation): Json {
  return {
    ...described(operation, `${operation.id}.get`),
    parameters: [...queryParameters(operation), ...callParameters(operation)],
    responses: responses(operation),
  };
}

function postOperation(operation: Operation): Json {
  const asBytes = operation.takes === "bytes";
  const parameters = [
    ...(asBytes ? queryParameters(operation, `Only with the content type ${mediaType.bytes}`) : []),
    ...callParameters(operation),
    ...(operation.effect !== "read" && operation.gives === "value" ? [idempotencyKey] : []),
  ];
  const examples = Object.fromEntries(
    operation.examples.map(({ input, note }, at) => [
      `example${at + 1}`,
      { ...(note === undefined ? {} : { summary: note }), value: input },
    ]),
  );
  const input = {
    schema: schemaRef(operation, "input"),
    ...(operation.examples.length === 0 ? {} : { examples }),
  };
  return {
    ...described(operation, operation.id),
    ...(parameters.length === 0 ? {} : { parameters }),
    requestBody: {
      required: true,
      content: { [mediaType.json]: input, ...(asBytes ? { [mediaType.bytes]: {} } : {}) },
    },
    responses: responses(operation),
  };
}

function webSocketOperation(operation: Operation): Json {
  return {
    ...described(operation, operation.id),
    description: [
      operation.description,
      `Opens a WebSocket with the subprotocol "${webSocketProtocol}"; a browser adds "bearer.TOKEN". Text frames of JSON: {"message": ...} and {"end": true} go in; {"callId": ...}, {"item": ...}, {"progress": ...}, {"value": ...}, {"end": true} or {"error": ...} come out, and bytes as binary frames.`,
    ]
      .filter((text) => text !== undefined)
      .join(" "),
    parameters: [...queryParameters(operation), ...callParameters(operation)],
    responses: { "101": { description: "The WebSocket is open" }, ...errorResponses(operation) },
    "x-operone-messages": {
      message: schemaRef(operation, "message"),
      ...(operation.gives === "bytes"
        ? {}
        : { [operation.gives === "items" ? "item" : "value"]: schemaRef(operation, "output") }),
    },
  };
}

const idempotencyKey: Json = {
  name: headerName.idempotencyKey,
  in: "header",
  description:
    "The same write with the same key within 10 minutes runs once and gives the first answer again",
  schema: { type: "string", minLength: 1, maxLength: 128 },
};

/** What every call takes beside its input. */
function callParameters({ surfaces }: Operation): readonly Json[] {
  if (!surfaces.includes("mesh")) return [];
  return [
    {
      name: "node",
      in: "query",
      description: "Where to run: a node's name or id, or a selector; absent means here",
      schema: { type: "string" },
    },
  ];
}

function responses(operation: Operation): Json {
  return { ...success(operation), ...errorResponses(operation) };
}

function errorResponses(operation: Operation): Json {
  return Object.fromEntries(
    documentedErrors(operation).map((code) => [
      String(errorCodes[code].http),
      { $ref: `#/components/responses/${code}` },
    ]),
  );
}

const headers = { [headerName.callId]: { $ref: "#/components/headers/CallId" } };

function success(operation: Operation): Json {
  if (operation.gives === "bytes") return bytesSuccess(operation);
  const schema = schemaRef(operation, "output");
  const shown = operation.examples.find(({ output }) => output !== undefined);
  if (operation.gives === "value") {
    const example = shown === undefined ? {} : { example: shown.output };
    const events = {
      schema: { type: "string" },
      "x-events": { [eventName.progress]: progressRef, [eventName.value]: schema },
    };
    return {
      "200": {
        description: "The value",
        headers,
        content: { [mediaType.json]: { schema, ...example }, [mediaType.sse]: events },
      },
    };
  }
  const itemEvents = { [eventName.item]: schema, [eventName.progress]: progressRef };
  return {
    "200": {
      description: `Items as events that finish with "${eventName.end}" or "${eventName.error}", as lines of JSON, or as one array`,
      headers,
      content: {
        [mediaType.sse]: { schema: { type: "string" }, "x-events": itemEvents },
        [mediaType.ndjson]: { schema: { type: "string" }, "x-line": schema },
        [mediaType.json]: { schema: { type: "array", items: schema } },
      },
    },
  };
}

const progressRef = { $ref: "#/components/schemas/Progress" };

function bytesSuccess({ effect }: Operation): Json {
  const content = { "*/*": {} };
  const whole = { "200": { description: "The bytes", headers, content } };
  if (effect !== "read") return whole;
  return {
    ...whole,
    "206": { description: "The part that Range asked for", headers, content },
    "304": { description: "The client has these bytes already (If-None-Match)" },
  };
}
