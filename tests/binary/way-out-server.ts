/** Greets whoever asks by HTTP, at the address and port that are its words. */
const [hostname = "", port = ""] = process.argv.slice(2);
Bun.serve({ hostname, port: Number(port), fetch: () => new Response("hello from the web\n") });
console.log("ready");
