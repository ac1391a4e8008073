// Emmett's event store on PostgreSQL: each event is appended to the stream of the object that it is about.
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { databaseUrl, secret, serve, stripe } from './receiver.mjs';

const store = getPostgreSQLEventStore(databaseUrl);
await store.schema.migrate();

await serve(async (body, signature) => {
  const event = stripe.webhooks.constructEvent(body, signature, secret);
  const object = event.data.object;
  const stream = `${object.object}-${object.id ?? event.id}`;
  for (let tries = 1; ; ++tries) {
    try {
      return await store.appendToStream(stream, [{ type: event.type, data: event }]);
    } catch (error) {
      if (error.errorCode !== 412 || tries === 8) throw error; // two events of one object at the same time
    }
  }
});
