// What all peers have in common: a Fastify server with one route that hands the raw body and its signature to
// `record`, answers 200 when that has resolved (durable), 400 when the signature is wrong, 500 otherwise.
// Settings come from the environment: PORT, DATABASE_URL, STRIPE_WEBHOOK_SECRET.
import Fastify from 'fastify';
import Stripe from 'stripe';

export const databaseUrl = process.env.DATABASE_URL;
export const secret = process.env.STRIPE_WEBHOOK_SECRET;
export const stripe = new Stripe('sk_test_unused');

export async function serve(record) {
  const app = Fastify({ logger: false, bodyLimit: 1 << 20, keepAliveTimeout: 75_000 });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
  app.get('/health/live', async () => ({ status: 'live' }));
  app.post('/webhooks/stripe', async (request, reply) => {
    try {
      await record(request.body, request.headers['stripe-signature']);
    } catch (error) {
      const wrongSignature = error instanceof Stripe.errors.StripeSignatureVerificationError;
      if (!wrongSignature) console.error(error);
      return reply.code(wrongSignature ? 400 : 500).send({ error: error.message });
    }
    return { received: true };
  });
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
  process.on('SIGTERM', () => process.exit(0));
}
