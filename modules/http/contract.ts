/** What other modules may know of http: where the node can be reached, and how to answer at a path of their own. */
import { service } from "../../src/kernel/module.ts";
import type { HttpIdentity } from "../../src/surface/http-engine.ts";
import type { MessageCall } from "../../src/surface/http-messages.ts";

/** A place that the node listens at. */
export type Listener =
  | { readonly kind: "unix"; readonly path: string }
  /** `http://127.0.0.1:6737`, without a path. */
  | { readonly kind: "tcp"; readonly url: string };

export interface Listeners {
  bound(): readonly Listener[];
  /** Sentences about what is unsafe in the way this node listens, each with its fix; for `doctor`. */
  warnings(): readonly string[];
}
export const Listeners = service<Listeners>("http.listeners");

/** Whoever is at a route: let in as for every other path, with Host, Origin and token looked at. */
export interface RouteVisit extends HttpIdentity {
  readonly revoked: AbortSignal;
  /** To be called when the answer goes on after its response was handed over; gives what tells of its end. */
  streams(): () => void;
}

/** A path with a protocol of its own. */
export interface Route {
  fetch(request: Request, visit: RouteVisit): Promise<Response>;
  /** For a WebSocket at the path. Absent: there are none. */
  socket?(request: Request, visit: RouteVisit): MessageCall;
  /** For whoever has no token; the Host was looked at. It may tell nothing that a stranger must not know. */
  stranger?(request: Request): Response;
  /** Parameters of the WWW-Authenticate header, for whoever comes without a valid token. */
  challenge?(request: Request): string;
}

export interface Routes {
  /**
   * Gives what takes it away again.
   *
   * @throws OperoneError `conflict` for a path that is taken
   */
  add(path: string, route: Route): () => void;
}
export const Routes = service<Routes>("http.routes");
