-- Read models with their bookkeeping. Every row bears the generation that wrote it: readers see the live one, a rebuild fills
-- the next beside it, and one update makes that live at once.

CREATE TABLE projections (
  name TEXT PRIMARY KEY,
  version BIGINT NOT NULL,
  live_generation BIGINT NOT NULL,
  next_generation BIGINT NOT NULL,
  rebuild_generation BIGINT,
  rebuild_version BIGINT,
  rebuild_started_at BIGINT,
  last_error TEXT
);

-- How far a generation has come: the last position it has applied.
CREATE TABLE checkpoints (
  projection TEXT NOT NULL,
  generation BIGINT NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (projection, generation)
);

-- Events that a projection cannot use. Keyed by projection and event, so that they too come out the same in any order.
CREATE TABLE dead_letters (
  projection TEXT NOT NULL,
  generation BIGINT NOT NULL,
  position BIGINT NOT NULL,
  tenant TEXT NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  first_failed_at BIGINT NOT NULL,
  last_failed_at BIGINT NOT NULL,
  PRIMARY KEY (projection, generation, position)
);

CREATE TABLE subscriptions (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  livemode BIGINT NOT NULL,
  account TEXT NOT NULL,
  status TEXT NOT NULL,
  customer TEXT,
  prices TEXT NOT NULL,
  deleted BIGINT NOT NULL,
  newest TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX subscriptions_id ON subscriptions (generation, tenant, id);
CREATE INDEX subscriptions_customer ON subscriptions (generation, tenant, customer, id);
CREATE INDEX subscriptions_status ON subscriptions (generation, tenant, status, id);

-- What the ledger knows of each source object: its newest state in short, and which events tell it.
CREATE TABLE ledger_objects (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  payment_key TEXT,
  charge_key TEXT,
  newest TEXT NOT NULL,
  newest_listing TEXT NOT NULL,
  facts TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX ledger_objects_payment ON ledger_objects (generation, payment_key) WHERE payment_key IS NOT NULL;
CREATE INDEX ledger_objects_charge ON ledger_objects (generation, charge_key) WHERE charge_key IS NOT NULL;

CREATE TABLE ledger_entries (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  owner_key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  source TEXT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  livemode BIGINT NOT NULL,
  account TEXT NOT NULL,
  customer TEXT,
  debit TEXT NOT NULL,
  credit TEXT NOT NULL,
  occurred_at BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX ledger_entries_owner ON ledger_entries (generation, owner_key);
CREATE INDEX ledger_entries_id ON ledger_entries (generation, tenant, id);
CREATE INDEX ledger_entries_customer ON ledger_entries (generation, tenant, customer, id) WHERE customer IS NOT NULL;

-- How many events of each type there are.
CREATE TABLE event_counts (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  event_type TEXT NOT NULL,
  aggregate_type TEXT NOT NULL,
  events BIGINT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
