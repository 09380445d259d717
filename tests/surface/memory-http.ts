/** The HTTP surface as a `fetch` and a WebSocket, without a socket between. */
import type { KernelView } from "../../src/kernel/view.ts";
import { type HttpSurface, httpSurface } from "../../src/surface/http.ts";
import type { Fetch } from "../../src/surface/http-client.ts";
import type { HttpIdentity } from "../../src/surface/http-engine.ts";
import { stringsFromInput } from "../../src/surface/schema.ts";
import type { OpenWebSocket } from "../../src/surface/socket-client.ts";

export interface MemoryHttp {
  readonly fetch: Fetch;
  /** The same requests as GET with the input in the query. */
  readonly getFetch: Fetch;
  readonly openWebSocket: OpenWebSocket;
}

export function memoryHttp(
  view: Pick<KernelView, "table" | "call">,
  identity: Omit<HttpIdentity, "signal">,
): MemoryHttp {
  const surface = httpSurface({ view });
  const fetch: Fetch = (url, init) => {
    const signal = init.signal ?? new AbortController().signal;
    const request = new Request(url, init);
    const gone = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => gone.reject(signal.reason), { once: true });
    return Promise.race([surface.fetch(request, { ...identity, signal }), gone.promise]);
  };
  return {
    fetch,
    getFetch: (url, init) => fetch(...asGet(view, url, init)),
    openWebSocket: (url, { headers }) =>
      memorySocket(surface, new Request(url.replace(/^ws/, "http"), { headers }), identity),
  };
}

function asGet(
  { table }: Pick<KernelView, "table">,
  url: string,
  init: Parameters<Fetch>[1],
): Parameters<Fetch> {
  const target = new URL(url);
  const operation = table.get(target.pathname.split("/").slice(2).join("."));
  const { body, ...rest } = init;
  const input: unknown = typeof body === "string" ? JSON.parse(body) : {};
  if (operation !== undefined) {
    for (const [name, text] of stringsFromInput(operation, input as Record<string, unknown>))
      target.searchParams.append(name, text);
  }
  const { "content-type": _, ...headers } = init.headers;
  return [target.href, { ...rest, method: "GET", headers }];
}

/** As much of a WebSocket as the client uses. */
function memorySocket(
  surface: HttpSurface,
  request: Request,
  identity: Omit<HttpIdentity, "signal">,
): WebSocket {
  const controller = new AbortController();
  const call = surface.messages(request, { ...identity, signal: controller.signal });
  const target = Object.assign(new EventTarget(), {
    OPEN: 1,
    CLOSING: 2,
    readyState: 0,
    bufferedAmount: 0,
    binaryType: "arraybuffer",
    onopen: null as (() => void) | null,
    onmessage: null as ((event: { readonly data: unknown }) => void) | null,
    onerror: null as (() => void) | null,
    send: (frame: string) => call.received(frame),
    close() {
      if (target.readyState >= 2) return;
      target.readyState = 3;
      call.closed();
      queueMicrotask(() => target.dispatchEvent(new Event("close")));
    },
  });
  queueMicrotask(() => {
    target.readyState = 1;
    target.onopen?.();
    call.opened({
      send(frame) {
        const data = typeof frame === "string" ? frame : frame.slice().buffer;
        queueMicrotask(() => target.onmessage?.({ data }));
        return true;
      },
      close: () => queueMicrotask(() => target.close()),
      cut: () => target.close(),
    });
  });
  return target as Partial<WebSocket> as WebSocket;
}
