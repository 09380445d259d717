/** Searches files, off the main thread: it waits for the disk, and for no one else. */
import { SearchWork } from "./search-work.ts";
import type { Request } from "./worker-wire.ts";

declare const self: Worker;

const work = new SearchWork();
self.onmessage = ({ data }: MessageEvent<Request>) => self.postMessage(work.answered(data));
