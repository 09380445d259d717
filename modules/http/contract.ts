/** What other modules may know of http: where the node can be reached. */
import { service } from "../../src/kernel/module.ts";

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
