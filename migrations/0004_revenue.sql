-- Monthly recurring revenue over time: what each second of a subscription's life tells, and the movements that follow from it,
-- over which any period can be summed.

CREATE TABLE revenue_subscriptions (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  livemode BIGINT NOT NULL,
  account TEXT NOT NULL,
  mrr BIGINT NOT NULL,
  currency TEXT NOT NULL,
  seconds TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX revenue_subscriptions_id ON revenue_subscriptions (generation, tenant, id);

CREATE TABLE revenue_movements (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  owner TEXT NOT NULL,
  tenant TEXT NOT NULL,
  livemode BIGINT NOT NULL,
  account TEXT NOT NULL,
  subscription TEXT NOT NULL,
  currency TEXT NOT NULL,
  occurred_at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  amount BIGINT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX revenue_movements_owner ON revenue_movements (generation, owner);
CREATE INDEX revenue_movements_time ON revenue_movements (generation, tenant, livemode, account, currency, occurred_at);
