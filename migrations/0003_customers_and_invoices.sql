-- The read models of customers and invoices, and the events of each customer's timeline.

CREATE TABLE customers (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  livemode BIGINT NOT NULL,
  account TEXT NOT NULL,
  email_key TEXT,
  deleted BIGINT NOT NULL,
  newest TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX customers_id ON customers (generation, tenant, id);
CREATE INDEX customers_email ON customers (generation, tenant, email_key, id) WHERE email_key IS NOT NULL;

CREATE TABLE invoices (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  livemode BIGINT NOT NULL,
  account TEXT NOT NULL,
  customer TEXT,
  subscription TEXT,
  status TEXT,
  deleted BIGINT NOT NULL,
  newest TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX invoices_id ON invoices (generation, tenant, id);
CREATE INDEX invoices_customer ON invoices (generation, tenant, customer, id) WHERE customer IS NOT NULL;
CREATE INDEX invoices_subscription ON invoices (generation, tenant, subscription, id) WHERE subscription IS NOT NULL;
CREATE INDEX invoices_status ON invoices (generation, tenant, status, id);

-- A row an event. The keys name the charge, payment intent or invoice that an event is about or belongs to: through them an
-- event that names no customer finds one, whichever arrives first.
CREATE TABLE customer_timeline (
  generation BIGINT NOT NULL,
  row_key TEXT NOT NULL,
  tenant TEXT NOT NULL,
  event_id TEXT NOT NULL,
  livemode BIGINT NOT NULL,
  account TEXT NOT NULL,
  customer TEXT,
  names_customer BIGINT NOT NULL,
  occurred_at BIGINT NOT NULL,
  phase BIGINT NOT NULL,
  own_key TEXT,
  link_key TEXT,
  second_link_key TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (generation, row_key)
);
CREATE INDEX customer_timeline_customer
  ON customer_timeline (generation, tenant, customer, livemode, account, occurred_at, event_id) WHERE customer IS NOT NULL;
CREATE INDEX customer_timeline_own ON customer_timeline (generation, own_key) WHERE own_key IS NOT NULL;
CREATE INDEX customer_timeline_link ON customer_timeline (generation, link_key) WHERE link_key IS NOT NULL;
CREATE INDEX customer_timeline_second_link ON customer_timeline (generation, second_link_key)
  WHERE second_link_key IS NOT NULL;
