/** The conformance suite has no token: this door adds one, and hands everything else on as it is, Host and Origin too. */

export interface OpenDoor {
  readonly url: string;
  stop(): Promise<void>;
}

export function openDoor(nodeUrl: string, token: string): OpenDoor {
  const { host: nodeHost, origin: nodeOrigin } = new URL(nodeUrl);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { port } = server;
      const isOwn = (text: string) =>
        /^(https?:\/\/)?(127\.0\.0\.1|localhost)(:\d+)?$/.test(text) && text.endsWith(`:${port}`);
      const headers = new Headers(request.headers);
      const host = headers.get("host") ?? "";
      const origin = headers.get("origin");
      headers.set("host", isOwn(host) ? nodeHost : host);
      if (origin !== null && isOwn(origin)) headers.set("origin", nodeOrigin);
      headers.set("authorization", `Bearer ${token}`);
      const body = request.body === null ? undefined : await request.arrayBuffer();
      const { pathname, search } = new URL(request.url);
      const answer = await fetch(`${nodeOrigin}${pathname}${search}`, {
        method: request.method,
        headers,
        redirect: "manual",
        signal: request.signal,
        ...(body === undefined ? {} : { body }),
      });
      return new Response(answer.body, { status: answer.status, headers: answer.headers });
    },
  });
  return { url: `http://127.0.0.1:${server.port}/mcp`, stop: () => server.stop(true) };
}
