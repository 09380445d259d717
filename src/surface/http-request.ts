/** From an HTTP request to a call: which operation, which input, on which node. */
import { OperoneError } from "../kernel/error.ts";
import type { Operation, SurfaceName } from "../kernel/operation.ts";
import { bodyMediaType, readJson, type Upload, uploadOf } from "./http-body.ts";
import type { HttpLimits, Timer } from "./http-limits.ts";
import { headerName, mediaType, pathPrefix } from "./http-wire.ts";
import { inputFromStrings } from "./schema.ts";

export interface Target {
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
}

/** Cut out of the text: a URL object costs more than the rest of a short call. */
export function targetOf(url: string): Target {
  const slash = url.indexOf("/", url.indexOf("://") + 3);
  const hash = url.indexOf("#");
  const whole = slash < 0 ? "/" : url.slice(slash, hash < 0 ? undefined : hash);
  const mark = whole.indexOf("?");
  return mark < 0 ? { path: whole, query: "" } : { path: whole.slice(0, mark), query: whole.slice(mark + 1) };
}

/** `fs.read` for `/v1/fs/read`; undefined for a path of another form. */
export function operationIdOf(path: string): string | undefined {
  if (!path.startsWith(pathPrefix)) return undefined;
  const slash = path.indexOf("/", pathPrefix.length);
  if (slash < 0 || path.indexOf("/", slash + 1) >= 0) return undefined;
  return `${path.slice(pathPrefix.length, slash)}.${path.slice(slash + 1)}`;
}

/** The command line is a client over HTTP, and says so. @throws OperoneError `invalid_input` */
export function surfaceOf(request: Request): SurfaceName {
  const name = request.headers.get(headerName.surface);
  if (name === null || name === "http") return "http";
  if (name === "cli") return "cli";
  throw new OperoneError(
    "invalid_input",
    `"${headerName.surface}: ${name}" names no surface that calls over HTTP; leave it out, or send "cli"`,
  );
}

/** Methods that an operation answers. Reading again does no harm, so reads take GET too. */
export function methodsOf({ effect, takes }: Operation): readonly string[] {
  if (takes === "messages") return webSocketMethods;
  return effect === "read" ? readMethods : writeMethods;
}

const webSocketMethods = ["GET"];
const readMethods = ["GET", "HEAD", "POST"];
const writeMethods = ["POST"];

/** Whether a plain request, which opens no WebSocket, can call the operation with this method. */
export function answers(operation: Operation, method: string): boolean {
  return operation.takes !== "messages" && methodsOf(operation).includes(method);
}

const onlyJson = [mediaType.json];
const bytesOrJson = [mediaType.bytes, mediaType.json];

export interface Asked {
  readonly input: unknown;
  readonly node?: string | undefined;
  readonly upload?: Upload;
}

/** The input of a POST. @throws OperoneError `invalid_input`, `unsupported_media`, `too_large`, `deadline` */
export async function readAsked(
  request: Request,
  operation: Operation,
  query: string,
  limits: HttpLimits,
  timer: Timer,
): Promise<Asked> {
  if (operation.takes === "bytes") {
    const type = bodyMediaType(request, bytesOrJson);
    if (type === mediaType.bytes) {
      return { ...queryAsked(request, operation, query), upload: uploadOf(request, timer) };
    }
  } else bodyMediaType(request, onlyJson);
  const node = onlyNode(request, query);
  return { input: await readJson(request, limits, timer), node };
}

/** @throws OperoneError `invalid_input` for whatever else stands in the query */
function onlyNode(request: Request, query: string): string | undefined {
  const parameters = parametersOf(query);
  if (parameters !== noParameters) {
    for (const name of parameters.keys()) {
      if (name === "node") continue;
      throw new OperoneError(
        "invalid_input",
        `"${name}" stands in the query of a POST with a JSON body; put it into the body`,
      );
    }
  }
  return nodeOf(request, parameters);
}

/** The input of a request that has it in the query. @throws OperoneError `invalid_input` */
export function queryAsked(request: Request, operation: Operation, query: string): Asked {
  if (query === "" && !request.headers.has(headerName.node)) return { input: {} };
  const parameters = parametersOf(query);
  const node = nodeOf(request, parameters);
  const pairs = [...parameters].filter(([name]) => name !== "node");
  return { input: inputFromStrings(operation, pairs), node };
}

const noParameters = new URLSearchParams();

function parametersOf(query: string): URLSearchParams {
  return query === "" ? noParameters : new URLSearchParams(query);
}

function nodeOf(request: Request, parameters: URLSearchParams): string | undefined {
  const header = request.headers.get(headerName.node);
  if (header === null && parameters === noParameters) return undefined;
  const named = parameters.getAll("node");
  if (header !== null) named.push(header);
  const [node] = named;
  if (node === undefined) return undefined;
  if (node === "" || named.some((other) => other !== node)) {
    throw new OperoneError(
      "invalid_input",
      `The request names ${named.map((name) => JSON.stringify(name)).join(" and ")} as its node; name one`,
    );
  }
  return node;
}
