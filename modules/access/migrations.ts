/** Every step that the schema in store.ts ever took, oldest first. A released step never changes. */

export const migrations: readonly { readonly name: string; readonly sql: string }[] = [
  {
    name: "0001 tokens, approvals, audit, secrets",
    sql: `
create table tokens (
  id text primary key not null,
  name text not null,
  agent integer not null,
  role text,
  digest blob not null,
  created_at_ms integer not null,
  expires_at_ms integer,
  ended_at_ms integer,
  ended_by text
) strict;
create unique index tokens_live_name on tokens (name) where ended_at_ms is null;

create table grants (
  id text primary key not null,
  token_id text not null references tokens (id) on delete cascade,
  origin text not null,
  permission text not null,
  decision text not null,
  scope text not null,
  nodes text,
  expires_at_ms integer,
  created_at_ms integer not null
) strict;
create index grants_token on grants (token_id);

create table approvals (
  id text primary key not null,
  call_id text not null,
  caller_kind text not null,
  caller_id text not null,
  caller_name text not null,
  operation text not null,
  effect text not null,
  requests text not null,
  preview text not null,
  input_digest text not null,
  state text not null,
  approved_for text,
  reason text,
  created_at_ms integer not null,
  expires_at_ms integer not null,
  settled_at_ms integer
) strict;
create index approvals_call on approvals (caller_kind, caller_id, operation, input_digest);
create index approvals_state on approvals (state, created_at_ms);

create table audit (
  seq integer primary key not null,
  at_ms integer not null,
  kind text not null,
  call_id text not null,
  caller_kind text not null,
  caller_id text not null,
  caller_name text not null,
  surface text not null,
  operation text not null,
  effect text not null,
  input_digest text not null,
  code text not null,
  duration_ms real not null,
  note text,
  hash text not null
) strict;
create index audit_checkpoints on audit (seq) where kind = 'checkpoint';

create table secrets (
  name text primary key not null,
  nonce blob not null,
  sealed blob not null,
  created_at_ms integer not null,
  updated_at_ms integer not null
) strict;

create table secret_key (
  id integer primary key not null,
  key_id text not null,
  holder text not null,
  fingerprint text not null,
  created_at_ms integer not null
) strict;
`,
  },
  { name: "0002 nodes of a token", sql: "alter table tokens add column nodes text" },
  { name: "0003 sharer of an approval", sql: "alter table approvals add column shared_by text" },
  {
    name: "0004 agents without a token, and when a token was last used",
    sql: `
alter table tokens add column bearer integer not null default true;
alter table tokens add column last_used_at_ms integer;
`,
  },
];
