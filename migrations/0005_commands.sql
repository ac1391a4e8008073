-- Commands: the audit log of who asked for what and what became of it, which is also what makes a command that is sent twice
-- happen once. Beside it the read model of the accounts that commands move.

-- A command is pending while it runs, then ok or error. Who runs it holds a lease; a lease that ran out means that its process
-- died, and the log tells whether the command happened.
CREATE TABLE commands (
  command_id TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  command_type TEXT NOT NULL,
  aggregate_id TEXT,
  status TEXT NOT NULL CHECK (status IN ('pending', 'ok', 'error')),
  issued_by TEXT NOT NULL,
  data TEXT NOT NULL,
  result TEXT,
  error TEXT,
  position BIGINT,
  created_at BIGINT NOT NULL,
  duration_us BIGINT,
  lease_until BIGINT NOT NULL,
  idempotency_key TEXT,
  request_hash TEXT NOT NULL
);
-- The same key of the same caller is the same command, whichever process gets it.
CREATE UNIQUE INDEX commands_idempotency ON commands (tenant, issued_by, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX commands_tenant ON commands (tenant, command_id);
CREATE INDEX commands_pending ON commands (lease_until) WHERE status = 'pending';

CREATE TABLE account_balance (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  version BIGINT NOT NULL,
  state TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX account_balance_id ON account_balance (generation, tenant, id);
