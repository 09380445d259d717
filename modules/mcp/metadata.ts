/**
 * Protected-resource metadata (RFC 9728): what a client that has no token learns of how to get one. There is no
 * authorization server: the owner makes the token, and a person puts it into the client's settings.
 */

const wellKnown = "/.well-known/oauth-protected-resource";
export const mcpPath = "/mcp";
/** For the resource, and for clients that ask for the one of the whole host: RFC 9728, 3.1. */
export const metadataPaths: readonly string[] = [wellKnown, `${wellKnown}${mcpPath}`];

/** @param request of a host that is ours */
export function metadataResponse(request: Request): Response {
  if (request.method !== "GET" && request.method !== "HEAD")
    return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
  const { origin } = new URL(request.url);
  return Response.json(
    { resource: `${origin}${mcpPath}`, resource_name: "Operone", bearer_methods_supported: ["header"] },
    { headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" } },
  );
}

export function challenge(request: Request): string {
  const { origin } = new URL(request.url);
  return `resource_metadata="${origin}${wellKnown}${mcpPath}"`;
}
