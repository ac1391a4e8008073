// The client against the real binary. Stripe's own library signs the webhooks, and verifies what billhook signs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import Stripe from "stripe";

import { type Billhook, BillhookError, createBillhook, dataOf, rowsOf } from "../src/index.js";
import { KEYS, SECRET, type Service, signByBillhook, startService } from "./service.js";

const stripe = new Stripe("sk_test_unused");
const bodies = readFileSync(
  fileURLToPath(new URL("../../../../tests/service/http/openapi_events.jsonl", import.meta.url)),
  "utf8",
)
  .trim()
  .split("\n");
const events = bodies.map((body) => JSON.parse(body) as { id: string; data: { object: { id: string } } });
const SUBSCRIPTION = events[1]!.data.object.id;
const CUSTOMER = events[0]!.data.object.id;

let service: Service;
let admin: Billhook;
let reader: Billhook;

/** As Stripe does: the raw body, with the signature that Stripe's library makes. */
async function deliver(body: string, signature?: string): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await fetch(`${service.address}/webhooks/stripe`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "Stripe-Signature": signature ?? stripe.webhooks.generateTestHeaderString({ payload: body, secret: SECRET }),
    },
    body,
  });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

const shown = { min_position: bodies.length, wait_ms: 20_000 };

before(async () => {
  service = await startService();
  admin = createBillhook({ baseUrl: `${service.address}/`, apiKey: KEYS.admin });
  reader = createBillhook({ baseUrl: service.address, apiKey: KEYS.reader });
  for (const [index, body] of bodies.entries()) {
    const { status, answer } = await deliver(body);
    assert.deepEqual([status, answer["duplicate"], answer["position"]], [200, false, index + 1]);
  }
});

after(() => service.stop());

test("a webhook that Stripe's library signed is recorded once", async () => {
  const { status, answer } = await deliver(bodies[0]!);
  assert.equal(status, 200);
  assert.deepEqual(answer, { received: true, duplicate: true, event_id: events[0]!.id, position: 1 });
});

test("a webhook that was changed after Stripe's library signed it is refused", async () => {
  const signature = stripe.webhooks.generateTestHeaderString({ payload: bodies[0]!, secret: SECRET });
  const { status, answer } = await deliver(bodies[0]!.replace("Ada", "Eve"), signature);
  assert.deepEqual([status, answer["code"]], [400, "signature_mismatch"]);
});

test("what billhook signs Stripe's library verifies", () => {
  const event = stripe.webhooks.constructEvent(bodies[0]!, signByBillhook(bodies[0]!), SECRET);
  assert.equal(event.id, events[0]!.id);
});

test("read models are read by types", async () => {
  const subscription = await dataOf(
    reader.GET("/api/v1/subscriptions/{id}", { params: { path: { id: SUBSCRIPTION }, query: shown } }),
  );
  assert.deepEqual([subscription.status, subscription.mrr, subscription.items[0]?.quantity], ["active", 4500, 3]);
  const past = await dataOf(
    reader.GET("/api/v1/subscriptions/{id}", {
      params: { path: { id: SUBSCRIPTION }, query: { as_of: "2026-05-02T00:00:00Z" } },
    }),
  );
  assert.equal(past.mrr, 3000);
  const balances = await dataOf(reader.GET("/api/v1/ledger/balances", { params: { query: shown } }));
  assert.deepEqual(
    balances.data.map(({ currency, gross, refunded, net }) => ({ currency, gross, refunded, net })),
    [{ currency: "usd", gross: 3000, refunded: 500, net: 2500 }],
  );
  const customer = await dataOf(
    reader.GET("/api/v1/customers/{id}", { params: { path: { id: CUSTOMER }, query: shown } }),
  );
  assert.equal(customer.last_payment?.amount, 3000);
});

test("a list is walked page by page", async () => {
  const ids: (string | null)[] = [];
  const log = rowsOf((cursor) =>
    dataOf(reader.GET("/api/v1/events", { params: { query: { limit: 3, source: "stripe", ...cursor } } })),
  );
  for await (const event of log) ids.push(event.caused_by);
  assert.deepEqual(
    ids,
    events.map(({ id }) => id),
  );
});

test("a command is done once, and a refusal is an error with its code", async () => {
  const issue = (amount: number, key: string) =>
    dataOf(
      admin.POST("/api/v1/commands", {
        params: { header: { "Idempotency-Key": key } },
        body: { command_type: "WithdrawMoney", data: { account_id: "ada", amount } },
      }),
    );
  const opened = await dataOf(
    admin.POST("/api/v1/commands", {
      body: { command_type: "CreateAccount", data: { account_id: "ada", owner: "Ada", initial_balance: 1000 } },
    }),
  );
  assert.equal(opened.events[0]?.event_type, "AccountCreated");
  const first = await issue(400, "k1");
  assert.equal((await issue(400, "k1")).command_id, first.command_id);
  await assert.rejects(issue(700, "k2"), (error: unknown) => {
    assert.ok(error instanceof BillhookError);
    assert.deepEqual([error.status, error.code], [409, "insufficient_funds"]);
    return true;
  });
  const answer = await dataOf(
    reader.POST("/api/v1/queries", {
      params: { query: { min_position: first.position, wait_ms: 20_000 } },
      body: { query_type: "GetAccountBalance", filters: { account_id: "ada" } },
    }),
  );
  assert.equal((answer.data as { balance: number }).balance, 600);
});

test("a key has its role, and no key has none", async () => {
  const code = async (client: Billhook) => {
    const { error, response } = await client.GET("/api/v1/commands");
    return [response.status, error?.code];
  };
  assert.deepEqual(await code(reader), [403, "role_too_low"]);
  assert.deepEqual(await code(createBillhook({ baseUrl: service.address })), [401, "key_missing"]);
  assert.equal((await admin.GET("/api/v1/commands")).response.status, 200);
});

test("what the API refuses the types refuse before", async () => {
  // @ts-expect-error: there is no such parameter
  const unknown = await reader.GET("/api/v1/events", { params: { query: { colour: "red" } } });
  assert.equal(unknown.error?.code, "invalid_parameter");
  // @ts-expect-error: an amount is a number
  const wrong = await admin.POST("/api/v1/commands", { body: { command_type: "DepositMoney", data: { amount: "1" } } });
  assert.equal(wrong.error?.code, "command_invalid");
});
