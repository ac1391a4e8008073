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

-- What each event told the ledger of a source object, in short.
CREATE TABLE ledger_sightings (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  object_key TEXT NOT NULL,
  parent_key TEXT,
  position BIGINT NOT NULL,
  recorded_at BIGINT NOT NULL,
  facts TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX ledger_sightings_object ON ledger_sightings (generation, object_key);
CREATE INDEX ledger_sightings_parent ON ledger_sightings (generation, parent_key) WHERE parent_key IS NOT NULL;

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

-- The stretches of time in which each entry stood as it is: by what was true, and by what was known.
CREATE TABLE ledger_entries_occurred (
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
  since BIGINT NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX ledger_entries_occurred_owner ON ledger_entries_occurred (generation, owner_key);
CREATE INDEX ledger_entries_occurred_customer ON ledger_entries_occurred (generation, tenant, customer) WHERE customer IS NOT NULL;
CREATE TABLE ledger_entries_recorded (
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
  since BIGINT NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX ledger_entries_recorded_owner ON ledger_entries_recorded (generation, owner_key);
CREATE INDEX ledger_entries_recorded_customer ON ledger_entries_recorded (generation, tenant, customer) WHERE customer IS NOT NULL;

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
