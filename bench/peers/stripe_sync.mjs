// Stripe's sync engine: it upserts the newest state of each object. Nothing is fetched from Stripe.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StripeSync, runMigrations } from '@stripe/sync-engine';
import { databaseUrl, secret, serve } from './receiver.mjs';

// It would fetch Stripe's OpenAPI document to make a generated column of each property; without any, its tables
// have the columns that it cannot do without, which makes it faster.
const openApiSpecPath = join(mkdtempSync(join(tmpdir(), 'stripe-sync-')), 'openapi.json');
writeFileSync(openApiSpecPath, JSON.stringify({ openapi: '3.0.0', components: { schemas: {} } }));
await runMigrations({ databaseUrl, openApiSpecPath, stripeApiVersion: '2020-08-27' });
const sync = await StripeSync.create({
  poolConfig: { connectionString: databaseUrl, max: 16 },
  stripeSecretKey: 'sk_test_unused',
  stripeWebhookSecret: secret,
  stripeAccountId: 'acct_bench',
  backfillRelatedEntities: false,
  autoExpandLists: false,
});

await serve(async (body, signature) => {
  await sync.webhook.processWebhook(body, signature);
});
