// The scenario behind docs/scaling.md: one deployment after the other on the same history.
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { connections, line, postToAll, withDeployment } from './lib/deployment.mjs';
import { run, stop } from './lib/processes.mjs';
import { billhook, readAll } from './lib/receivers.mjs';
import { table } from './lib/table.mjs';

const first = '1 process, 32 callers';
const deployments = {
  [first]: { callers: 32 },
  '1 process, 1 caller': { callers: 1 },
  '1 process, 8 callers': { callers: 8 },
  '1 process, 128 callers': { callers: 128 },
  '1 process, 128 callers, `HTTP_THREADS=128`': { callers: 128, env: { HTTP_THREADS: '128' } },
  '1 process, 1 caller, each flush 1 ms slower': { callers: 1, slowDisk: true },
  '1 process, 32 callers, each flush 1 ms slower': { callers: 32, slowDisk: true },
  '3 processes, 33 callers': { callers: 33, processes: 3 },
  'PgBouncer (transaction mode), 32 callers': { callers: 32, pooler: 12 },
  'log in 14 partitions, 32 callers': { callers: 32, partitions: 12 },
  'log in 62 partitions, 32 callers': { callers: 32, partitions: 60 },
  'the first again': { callers: 32 }, // so much differs by itself
};
const isPlain = ({ processes, pooler, partitions, slowDisk }) => !processes && !pooler && !partitions && !slowDisk;

/** The first deployment, with what is counted on it alone: connections, and the rate of a rebuild. */
async function measureFirst(deployment, load, directory) {
  const [replica] = deployment.replicas;
  const open = {};
  await sleep(1_000);
  open['at rest'] = await connections(deployment); // billhook keeps what it has opened: each count is the most so far
  const figures = await postToAll(deployment, load);
  open[`after ${load.callers} callers`] = await connections(deployment);
  await readAll({ ...replica, directory }, ['subscriptions?limit=1', 'invoices?limit=1']);
  open['after 32 readers'] = await connections(deployment);
  await stop(replica.child);
  const began = performance.now();
  await run(billhook, ['rebuild', '--all'], { env: deployment.settings });
  return { figures, open, rebuild: (1e3 * figures.count) / (performance.now() - began) };
}

const columns = {
  'events/s': (row) => row.eventsPerSecond.toFixed(0),
  'x the first': (row, unit) => (row.eventsPerSecond / unit.eventsPerSecond).toFixed(2),
  'p50 ms': (row) => row.p50_ms.toFixed(1),
  'p99 ms': (row) => row.p99_ms.toFixed(1),
  'events a commit': (row) => row.batch.toFixed(1),
  'ms a commit': (row) => row.commitMs.toFixed(2),
  'CPU us an event: billhook': (row) => row.receiverMicros.toFixed(0),
  PostgreSQL: (row) => row.databaseMicros.toFixed(0),
  PgBouncer: (row) => (row.poolerMicros > 0 ? row.poolerMicros.toFixed(0) : ''),
  'bytes an event: log': (row) => row.logBytes.toFixed(0),
  'with read models': (row) => row.allBytes.toFixed(0),
  WAL: (row) => row.writtenBytes.toFixed(0),
};

export async function scaling({ events, directory }) {
  const busy = () => loadavg().map((average) => average.toFixed(1)).join(' ');
  const before = busy();
  const rows = {};
  let once;
  for (const [name, { callers, ...options }] of Object.entries(deployments)) {
    rows[name] = await withDeployment({ ...options, events }, async (deployment) => {
      const load = { callers, events };
      if (name !== first) return postToAll(deployment, load);
      once = await measureFirst(deployment, load, directory);
      return once.figures;
    });
    console.log(`${name}: ${rows[name].eventsPerSecond.toFixed(0)} events/s, load average ${busy()}`);
  }
  const { open, rebuild } = once;
  const plain = Object.keys(deployments).filter((name) => isPlain(deployments[name]));
  const model = line(plain.map((name) => [rows[name].batch, rows[name].commitMs]));
  const cells = Object.entries(rows).map(([name, row]) => [name, ...Object.values(columns).map((of) => of(row, rows[first]))]);
  return {
    rows: { rows, model, rebuild, open, busy: [before, busy()] },
    text: `${table(['deployment', ...Object.keys(columns)], cells)}

A commit of n events by one process, through the rows with no other change, by least squares: ${model.F.toFixed(2)} ms + n x ${model.c.toFixed(3)} ms.
Rebuild of all read models: ${rebuild.toFixed(0)} events/s.
Connections to PostgreSQL: ${Object.entries(open).map(([when, count]) => `${count} ${when}`).join(', ')}.
${events} events a run. Load average before: ${before}, after: ${busy()}.`,
  };
}
