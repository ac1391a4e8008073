// The receivers that are measured: how each is started, and what its database holds afterwards.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { read } from './load.mjs';
import { freePort, run, startServer, stop } from './processes.mjs';
import { withPostgres } from './postgres.mjs';
import { secret } from './requests.mjs';

const file = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
export const billhook = file('build/release/billhook');
const bare = file('build/release/bench/billhook_bare');
export const slowFlush = file('build/release/bench/libslow_flush.so');

const node = (name) => [process.execPath, [file(`bench/peers/${name}.mjs`)]];

export const receivers = {
  'billhook, SQLite': { command: [billhook, ['serve']], engine: 'sqlite' },
  'billhook, PostgreSQL': { command: [billhook, ['serve']], engine: 'postgresql' },
  'Fastify + stripe + pg by hand': { command: node('fastify'), engine: 'postgresql' },
  '@supabase/stripe-sync-engine': { command: node('supabase'), engine: 'postgresql' },
  '@stripe/sync-engine': { command: node('stripe_sync'), engine: 'postgresql' },
  '@event-driven-io/emmett-postgresql': { command: node('emmett'), engine: 'postgresql' },
  'cpp-httplib + HMAC + envelope, nothing stored': { command: [bare, []], engine: 'none' },
  'the same, one INSERT a request, SQLite': { command: [bare, []], engine: 'sqlite' },
  'the same, one INSERT a request, PostgreSQL': { command: [bare, []], engine: 'postgresql' },
};

/** Starts the receiver on an empty database, lets `use` work with it, and ends it. */
export async function withReceiver(name, use, { slowDisk = false, env = {} } = {}) {
  const { command, engine } = receivers[name];
  const preload = slowDisk ? { LD_PRELOAD: slowFlush } : {};
  const directory = mkdtempSync('/tmp/billhook-bench.');
  const serve = async (databaseUrl, postgres) => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const settings = {
      DATABASE_URL: databaseUrl,
      HOST: '127.0.0.1',
      PORT: `${port}`,
      STRIPE_WEBHOOK_SECRET: secret,
      API_RATE_LIMIT: '0',
      LOG_LEVEL: 'warn',
      ...(engine === 'sqlite' ? preload : {}),
      ...env,
    };
    const start = () => startServer(...command, { env: settings, log: `${directory}/log`, url });
    const receiver = { name, url, engine, directory, postgres, settings, child: await start() };
    receiver.restart = async () => {
      await stop(receiver.child);
      receiver.child = await start();
    };
    receiver.cli = async (...args) => {
      await stop(receiver.child);
      const out = await run(billhook, args, { env: settings });
      receiver.child = await start();
      return out;
    };
    try {
      return await use(receiver);
    } finally {
      await stop(receiver.child);
    }
  };
  try {
    if (engine === 'postgresql') return await withPostgres(preload, (postgres) => serve(postgres.url, postgres));
    return await serve(engine === 'sqlite' ? `sqlite://${directory}/billhook.db` : '', null);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function get(receiver, path) {
  const response = await fetch(`${receiver.url}/api/v1/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** The first rows of a list, page after page. */
export async function list(receiver, path, most) {
  const rows = [];
  for (let cursor = ''; cursor !== null && rows.length < most;) {
    const page = await get(receiver, `${path}?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    rows.push(...page.data);
    cursor = page.has_more ? page.next_cursor : null;
  }
  return rows;
}

/** Copies the subscriptions, under other IDs, until there are about so many; some of these IDs, from everywhere. */
export async function copySubscriptions(receiver, most) {
  const originals = (await list(receiver, 'subscriptions', 1_000)).map(({ id }) => id);
  const copies = Math.ceil(most / originals.length);
  const text = `INSERT INTO subscriptions SELECT generation, row_key || '.' || n, tenant, id || '.' || n, livemode, account,
    status, customer, prices, deleted, newest, body FROM subscriptions CROSS JOIN (WITH RECURSIVE series(n) AS
    (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ${copies}) SELECT n FROM series) AS copies`;
  if (receiver.postgres) {
    await receiver.postgres.sql(text);
    await receiver.postgres.sql('VACUUM ANALYZE subscriptions');
  } else {
    await run('sqlite3', [`${receiver.directory}/billhook.db-models`, text]);
  }
  return Array.from({ length: 20_000 }, (_, i) => `${originals[i % originals.length]}.${1 + ((i * 7_919) % copies)}`);
}

/** Reads these paths of the API in turn. */
export async function readAll(receiver, paths) {
  writeFileSync(`${receiver.directory}/paths`, `${paths.map((path) => `/api/v1/${path}`).join('\n')}\n`);
  const answer = await read(receiver.url, `${receiver.directory}/paths`);
  if (answer.refused > 0) throw new Error(`${receiver.name}: ${answer.refused} reads were refused`);
  return answer;
}

const exposition = async (receiver) => (await fetch(`${receiver.url}/metrics`)).text();

/** What its metrics say now, by name; of those without labels. */
export async function metrics(receiver) {
  const text = await exposition(receiver);
  return (name) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)[1]);
}

/** How far the read models are behind the log: events, and the age of the oldest that waits, in ms. */
export async function lag(receiver) {
  const text = await exposition(receiver);
  const most = (name) => Math.max(0, ...[...text.matchAll(new RegExp(`^${name}{[^}]*} (\\S+)`, 'gm'))].map((match) => Number(match[1])));
  return { events: most('billhook_projection_lag_events'), ms: 1e3 * most('billhook_projection_lag_seconds') };
}

const patience = 60; // seconds without progress are a fault

/** Waits until all read models have caught up; the seconds that it took. */
export async function caughtUp(receiver) {
  const began = performance.now();
  let [least, since] = [Infinity, began];
  for (;;) {
    const events = Math.max(...(await get(receiver, 'projections')).data.map((projection) => projection.lag));
    if (events === 0) return (performance.now() - began) / 1e3;
    if (events < least) [least, since] = [events, performance.now()];
    if (performance.now() - since > 1e3 * patience) throw new Error(`${receiver.name}: read models stay ${events} events behind`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const lists = ['ledger/balances', 'ledger/entries', 'subscriptions', 'customers', 'invoices'];
const readModels = async (receiver) =>
  JSON.stringify([await get(receiver, 'statistics'), ...(await Promise.all(lists.map((path) => list(receiver, path, 3_000))))]);

export const recorded = async (receiver) => (await get(receiver, 'statistics')).total_events;

/**
 * Whether billhook did its work: every answered event is recorded, none twice, positions have no gap and the chain
 * of checksums holds (`verify`), and the read models are what a rebuild makes of the log. Throws what is wrong.
 */
export async function check(receiver, { sent, answered }) {
  await caughtUp(receiver);
  const count = await recorded(receiver);
  if (count < answered || count > sent) {
    throw new Error(`${receiver.name}: ${sent} sent, ${answered} answered, ${count} recorded`);
  }
  const before = await readModels(receiver);
  const verified = await receiver.cli('verify');
  if (!verified.includes(`${count} events`)) throw new Error(`${receiver.name}: ${verified}`);
  await receiver.cli('rebuild', '--all');
  if ((await readModels(receiver)) !== before) throw new Error(`${receiver.name}: a rebuild gives other read models`);
}
