/** The HTTP surface over a booted kernel, without a socket. */
import type { GrantSet } from "../../src/kernel/authority.ts";
import { type HttpSurface, type HttpSurfaceOptions, httpSurface } from "../../src/surface/http.ts";
import type { HttpIdentity } from "../../src/surface/http-engine.ts";
import { owner, sampleKernel } from "./sample-node.ts";

export interface SampleHttp {
  readonly surface: HttpSurface;
  readonly unexpected: unknown[];
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** An object is sent as JSON, anything else as it is. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  send(path: string, init: RequestInit, identity?: Partial<HttpIdentity>): Promise<Response>;
}

export function identityOf(
  sets: readonly GrantSet[] = owner,
  signal = new AbortController().signal,
): HttpIdentity {
  return { caller: { kind: "owner", id: "owner", name: "owner" }, sets, signal };
}

/** For Node, whose types Deno does not share. */
const streaming = { duplex: "half" as const };

export async function sampleHttp(options: Partial<HttpSurfaceOptions> = {}): Promise<SampleHttp> {
  const unexpected: unknown[] = [];
  const view = options.view ?? (await sampleKernel()).view;
  const surface = httpSurface({ unexpected: (error) => unexpected.push(error), ...options, view });
  const send: SampleHttp["send"] = (path, init, identity) =>
    surface.fetch(new Request(`http://operone${path}`, init), { ...identityOf(), ...identity });
  return {
    surface,
    unexpected,
    send,
    get: (path, headers = {}) => send(path, { headers }),
    post(path, body, headers = {}) {
      const json = { "content-type": "application/json", ...headers };
      if (body instanceof ReadableStream) {
        return send(path, { method: "POST", headers: json, body, ...streaming });
      }
      const raw =
        typeof body === "string" ? body : body instanceof Uint8Array ? new Uint8Array(body) : undefined;
      return send(path, { method: "POST", headers: json, body: raw ?? JSON.stringify(body) });
    },
  };
}

export async function problemIn(response: Response): Promise<Record<string, unknown>> {
  const problem: Record<string, unknown> = JSON.parse(await response.text());
  return { contentType: response.headers.get("content-type"), ...problem };
}
