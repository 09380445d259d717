/** Every step that the schema in store.ts ever took, oldest first. A released step never changes. */

export const migrations: readonly { readonly name: string; readonly sql: string }[] = [
  {
    name: "0001 mounts",
    sql: `
create table mounts (
  name text primary key not null,
  kind text not null,
  settings text not null,
  read_only integer not null,
  created_at_ms integer not null
) strict;
`,
  },
];
