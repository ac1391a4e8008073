// The receiver that a careful team writes by hand: Fastify, Stripe's own library, one durable INSERT an event,
// repeated deliveries ignored by the event's ID. It stores and does nothing else.
import pg from 'pg';
import { databaseUrl, secret, serve, stripe } from './receiver.mjs';

const pool = new pg.Pool({ connectionString: databaseUrl, max: 16 });
await pool.query(`CREATE TABLE IF NOT EXISTS events (
  id text PRIMARY KEY, type text NOT NULL, created bigint NOT NULL, received_at timestamptz NOT NULL DEFAULT now(),
  payload jsonb NOT NULL)`);

await serve(async (body, signature) => {
  const event = stripe.webhooks.constructEvent(body, signature, secret);
  await pool.query({
    name: 'record',
    text: 'INSERT INTO events (id, type, created, payload) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING',
    values: [event.id, event.type, event.created, body.toString()],
  });
});
