// Supabase's sync engine: it upserts the newest state of each object. Nothing is fetched from Stripe.
import { createRequire } from 'node:module';
import { databaseUrl, secret, serve } from './receiver.mjs';

// Its ES module does not find its own migrations.
const { StripeSync, runMigrations } = createRequire(import.meta.url)('@supabase/stripe-sync-engine');
await runMigrations({ databaseUrl, schema: 'stripe' });
const sync = new StripeSync({
  poolConfig: { connectionString: databaseUrl, max: 16 },
  stripeSecretKey: 'sk_test_unused',
  stripeWebhookSecret: secret,
  backfillRelatedEntities: false,
  autoExpandLists: false,
});

await serve(async (body, signature) => {
  try {
    await sync.processWebhook(body, signature);
  } catch (error) {
    if (!/unhandled/i.test(error.message)) throw error; // a type that it does not know: nothing to store
  }
});
