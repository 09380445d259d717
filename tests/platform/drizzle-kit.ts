/** Drizzle's own drafts of migrations, to compare ours with. */
export { generateSQLiteDrizzleJson, generateSQLiteMigration } from "drizzle-kit/api";

// It leaves a method of its own on every array, which other code in this process takes for a fault (pdf.js refuses to work).
for (const name of Object.keys(Array.prototype)) Reflect.deleteProperty(Array.prototype, name);
