/** The two documents about the operations, made from the table when they are first asked for. */
import { Buffer } from "node:buffer";
import { OperoneError } from "../kernel/error.ts";
import type { OperationTable } from "../kernel/view.ts";
import { guardHeaders, inertPolicy, problemResponse } from "./http-problem.ts";
import { headerName, mediaType, pathPrefix } from "./http-wire.ts";

interface Documented {
  readonly table: OperationTable;
  readonly version: string;
}

interface Document {
  readonly type: string;
  /** What the document itself may load, for a browser. */
  readonly policy: string;
  make(about: Documented): Promise<string>;
}

const documents: Readonly<Record<string, Document>> = {
  "/openapi.json": {
    type: mediaType.json,
    policy: inertPolicy,
    async make({ table, version }) {
      const { openApiDocument } = await import("./openapi.ts");
      return `${JSON.stringify(openApiDocument(table, { version }), null, 2)}\n`;
    },
  },
  "/docs": {
    type: "text/html; charset=utf-8",
    // Its own styles and nothing else: no script, no request, no frame.
    policy:
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    async make({ table, version }) {
      const { apiPage } = await import("./apipage.ts");
      return apiPage(table, { version });
    },
  },
};

/** Undefined for any other path. */
export function documentFor(
  about: Documented,
  path: string,
  request: Request,
  callId: string,
): Promise<Response> | undefined {
  if (path.startsWith(pathPrefix)) return undefined;
  const document = Object.hasOwn(documents, path) ? documents[path] : undefined;
  return document === undefined ? undefined : serve(document, about, path, request, callId);
}

async function serve(
  document: Document,
  about: Documented,
  path: string,
  request: Request,
  callId: string,
): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return problemResponse(
      new OperoneError("unsupported", `"${path}" takes GET or HEAD, not ${request.method}`),
      {
        callId,
        status: 405,
        headers: { allow: "GET, HEAD", ...(request.body === null ? {} : { connection: "close" }) },
      },
    );
  }
  const text = await document.make(about);
  return new Response(request.method === "HEAD" ? null : text, {
    headers: {
      ...guardHeaders,
      "content-type": document.type,
      "content-security-policy": document.policy,
      [headerName.callId]: callId,
      ...(request.method === "HEAD" ? { "content-length": String(Buffer.byteLength(text)) } : {}),
    },
  });
}
