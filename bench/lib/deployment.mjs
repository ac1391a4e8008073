// A deployment as docs/scaling.md speaks of it: billhooks on one PostgreSQL, if wanted through PgBouncer, on a disk that
// flushes later, or with the log in partitions.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { post } from './load.mjs';
import { cpuSeconds, freePort, run, startServer, stop } from './processes.mjs';
import { withPostgres } from './postgres.mjs';
import { billhook, caughtUp, metrics, recorded, slowFlush } from './receivers.mjs';
import { secret, signedRequests } from './requests.mjs';

/** PgBouncer in transaction mode on `size` server connections; runs as who PostgreSQL runs as, for it refuses to be root. */
async function startPooler(directory, postgres, size) {
  const port = await freePort();
  const file = `${directory}/pgbouncer.ini`;
  writeFileSync(
    file,
    `[databases]\n* = host=127.0.0.1 port=${new URL(postgres.url).port} user=billhook\n[pgbouncer]\nlisten_addr = 127.0.0.1
listen_port = ${port}\nunix_socket_dir =\nauth_type = any\ndefault_pool_size = ${size}\npool_mode = transaction\n`,
  );
  const command = ['/usr/sbin/pgbouncer', file];
  if (process.getuid() === 0) command.unshift('setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups');
  const listens = () =>
    new Promise((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
  const child = await startServer(command[0], command.slice(1), { log: `${directory}/pgbouncer.log`, url: `port ${port}`, answers: listens });
  return { child, url: `postgresql://billhook@127.0.0.1:${port}/postgres` };
}

/** Splits the empty log into `count` partitions of the same size for `events` events. */
async function split(postgres, count, events) {
  await run('psql', ['--quiet', '--no-psqlrc', '-v', 'ON_ERROR_STOP=1', '-1', '-f', 'deploy/partition_log.sql', postgres.url]);
  for (let i = 1; i <= count; ++i) await postgres.sql(`SELECT billhook_add_log_partition(${2 + Math.ceil((i * events) / count)})`);
}

/** Starts the deployment on an empty database, lets `use` work with it, and ends it. */
export async function withDeployment({ processes = 1, pooler = 0, partitions = 0, slowDisk = false, events, env = {} }, use) {
  const directory = mkdtempSync('/tmp/billhook-bench.');
  chmodSync(directory, 0o755); // PgBouncer runs as another user
  const children = [];
  try {
    return await withPostgres(slowDisk ? { LD_PRELOAD: slowFlush } : {}, async (postgres) => {
      try {
        const settings = { DATABASE_URL: postgres.url, STRIPE_WEBHOOK_SECRET: secret, HOST: '127.0.0.1', LOG_LEVEL: 'warn', ...env };
        await run(billhook, ['migrate'], { env: settings });
        if (partitions > 0) await split(postgres, partitions, events);
        const pooled = pooler > 0 ? await startPooler(directory, postgres, pooler) : null;
        if (pooled) children.push(pooled.child);
        const replicas = [];
        for (let i = 0; i < processes; ++i) {
          const port = await freePort();
          const url = `http://127.0.0.1:${port}`;
          const own = { ...settings, ...(pooled && { DATABASE_URL: pooled.url }), PORT: `${port}` };
          const child = await startServer(billhook, ['serve'], { env: own, log: `${directory}/log${i}`, url });
          children.unshift(child);
          replicas.push({ name: `billhook ${i + 1}`, url, child });
        }
        return await use({ directory, postgres, pooled, replicas, settings });
      } finally {
        for (const child of children) await stop(child);
      }
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const number = async (postgres, text) => Number(await postgres.sql(text));

/** What PostgreSQL has in hand, to be compared with later. */
const stored = async (postgres) => ({
  log: await number(postgres, "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables WHERE relname LIKE 'events%'"),
  all: await number(postgres, 'SELECT pg_database_size(current_database())'),
  written: await number(postgres, "SELECT pg_current_wal_lsn() - '0/0'"),
});

/** How many connections billhook has open, without a pooler in between. */
export const connections = ({ postgres }) =>
  number(postgres, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'billhook'");

/**
 * Posts a history to each process of the deployment, all at once, `callers` connections in all, and waits for the read models. Every
 * event that was answered must be recorded once, and `verify` must pass.
 */
export async function postToAll(deployment, { callers, events }) {
  const { directory, postgres, pooled, replicas, settings } = deployment;
  const cpu = () => ({
    own: replicas.reduce((sum, { child }) => sum + cpuSeconds(child.pid), 0),
    database: cpuSeconds(postgres.pid),
    pooler: pooled ? cpuSeconds(pooled.child.pid) : 0,
  });
  const requests = [];
  for (let i = 0; i < replicas.length; ++i) {
    mkdirSync(`${directory}/${i}`);
    const share = Math.ceil(events / replicas.length);
    requests.push(await signedRequests(billhook, `${directory}/${i}`, { events: share, seed: i + 1 }));
  }
  const [cpuBefore, before] = [cpu(), await stored(postgres)];
  const share = Math.round(callers / replicas.length);
  const answers = await Promise.all(replicas.map(({ url }, i) => post(url, requests[i], { connections: share })));
  for (const replica of replicas) await caughtUp(replica);
  const [cpuAfter, after] = [cpu(), await stored(postgres)];
  const sums = { count: 0, seconds: 0, requests: 0 };
  for (const replica of replicas) {
    const told = await metrics(replica);
    sums.count += told('billhook_append_seconds_count');
    sums.seconds += told('billhook_append_seconds_sum');
    sums.requests += told('billhook_append_batch_size_sum');
  }
  const answered = answers.reduce((sum, answer) => sum + answer.answered - answer.refused, 0);
  const count = await recorded(replicas[0]);
  const sent = requests.reduce((sum, request) => sum + request.count, 0);
  const verified = await run(billhook, ['verify'], { env: settings });
  if (answered < sent || count !== sent || !verified.includes(`${count} events`)) {
    throw new Error(`${sent} sent, ${answered} answered, ${count} recorded; ${verified}`);
  }
  const each = (most) => Math.max(...answers.map(most));
  const micros = (part) => (1e6 * (cpuAfter[part] - cpuBefore[part])) / count;
  return {
    count,
    eventsPerSecond: answered / each((answer) => answer.seconds),
    p50_ms: each((answer) => answer.p50_ms),
    p99_ms: each((answer) => answer.p99_ms),
    commitMs: (1e3 * sums.seconds) / sums.count,
    batch: sums.requests / sums.count,
    receiverMicros: micros('own'),
    databaseMicros: micros('database'),
    poolerMicros: micros('pooler'),
    logBytes: (after.log - before.log) / count,
    allBytes: (after.all - before.all) / count,
    writtenBytes: (after.written - before.written) / count,
  };
}

/** The line through the points, by least squares: F and c of `F + n * c`. */
export function line(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])];
  const c = mean((point) => (point[0] - x) * (point[1] - y)) / mean((point) => (point[0] - x) ** 2);
  return { F: y - c * x, c };
}
