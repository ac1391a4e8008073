// Runs the scenarios side by side and writes build/bench/report.md, results.json and plots. See bench/run.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { idle } from './lib/idle.mjs';
import { post } from './lib/load.mjs';
import { cpuSeconds, memory } from './lib/processes.mjs';
import { plot } from './lib/plot.mjs';
import { billhook, caughtUp, check, copySubscriptions, lag, readAll, receivers, recorded, withReceiver } from './lib/receivers.mjs';
import { signedRequests } from './lib/requests.mjs';
import { table } from './lib/table.mjs';
import { scaling } from './scaling.mjs';

const directory = 'build/bench/work';
mkdirSync(directory, { recursive: true });
const events = Number(process.env.EVENTS ?? 60_000);
const subscriptions = Number(process.env.SUBSCRIPTIONS ?? 1_000_000);
const ours = ['billhook, PostgreSQL', 'billhook, SQLite'];
const hand = 'Fastify + stripe + pg by hand';
const results = {};

const isOurs = (name) => name.startsWith('billhook');
const isNode = (name) => !isOurs(name) && !name.includes('cpp-httplib') && !name.startsWith('the same');
// The slow ones get fewer, so that they are done in time.
const eventsFor = (name) => (isNode(name) && name !== hand ? Math.ceil(events / 4) : events);
const warmUpEvents = 5_000; // until V8 has compiled what it is going to: a third of the rate by hand hangs on it

/** Posts a history as fast as it is answered; figures per second and per event. */
async function fullRate(name, { connections = 32, slowDisk = false, count = eventsFor(name), shuffled = true, env } = {}) {
  return withReceiver(
    name,
    async (receiver) => {
      if (isNode(name)) {
        const warmUp = await signedRequests(billhook, directory, { events: warmUpEvents, seed: 2, shuffled });
        await post(receiver.url, warmUp, { connections });
      }
      const requests = await signedRequests(billhook, directory, { events: count, shuffled });
      const cpu = () => ({
        receiver: cpuSeconds(receiver.child.pid),
        database: receiver.postgres ? cpuSeconds(receiver.postgres.pid) : 0,
      });
      const before = cpu();
      const answer = await post(receiver.url, requests, { connections });
      const behind = isOurs(name) ? await lag(receiver) : null;
      const seconds = isOurs(name) ? await caughtUp(receiver) : 0;
      const after = cpu();
      const figures = {
        connections,
        eventsPerSecond: (answer.answered - answer.refused) / answer.seconds,
        // The rate at which everything was done, the read models included.
        donePerSecond: (answer.answered - answer.refused) / (answer.seconds + seconds),
        ...answer,
        behindAtEnd: behind?.events ?? 0,
        catchUpSeconds: seconds,
        receiverMicros: (1e6 * (after.receiver - before.receiver)) / answer.answered,
        databaseMicros: (1e6 * (after.database - before.database)) / answer.answered,
        generatorMicros: (1e6 * answer.generatorCpu) / answer.answered,
        generatorShare: answer.generatorCpu / (answer.seconds * cpus().length),
        memory: memory(receiver.child.pid),
        bytesPerBody: requests.bytesPerBody,
      };
      if (isOurs(name)) await check(receiver, { sent: requests.count, answered: answer.answered - answer.refused });
      return figures;
    },
    { slowDisk, env },
  );
}

/** Fills the log with histories of its own, each posted before its signatures are too old. */
async function store(receiver, count) {
  const atOnce = 200_000;
  for (let [seed, rest] = [2, count]; rest > 0; seed += 1, rest -= atOnce) {
    const { refused } = await post(receiver.url, await signedRequests(billhook, directory, { events: Math.min(rest, atOnce), seed }));
    if (refused > 0) throw new Error(`${receiver.name}: ${refused} events were refused`);
    await caughtUp(receiver);
  }
}

/** Posts at a steady rate and looks at the lag ten times a second. */
async function steadyRate(name, rate, seconds = 20) {
  return withReceiver(name, async (receiver) => {
    const requests = await signedRequests(billhook, directory, { events: Math.ceil(rate * seconds) });
    const lags = [];
    let posting = true;
    const looking = (async () => {
      while (posting) {
        lags.push((await lag(receiver)).ms);
        await sleep(100);
      }
    })();
    const answer = await post(receiver.url, requests, { rate });
    posting = false;
    await looking;
    lags.sort((a, b) => a - b);
    return { rate, ...answer, lagP50Ms: lags[lags.length >> 1], lagP99Ms: lags[Math.ceil(lags.length * 0.99) - 1] };
  });
}

const scenarios = {
  async ingest() {
    const rows = {};
    const measure = async (name, label, options) => {
      rows[label] = await fullRate(name, options);
      console.log(`${label}: ${rows[label].eventsPerSecond.toFixed(0)} events/s`);
    };
    for (const name of Object.keys(receivers)) await measure(name, name);
    for (const name of [...ours, hand]) await measure(name, `${name}, in order`, { shuffled: false });
    const unit = rows[hand].eventsPerSecond;
    return {
      rows,
      text: table(
        ['receiver', 'events/s', 'x by hand', 'with read models', 'p50 ms', 'p99 ms', 'CPU us an event: receiver', 'database', 'load', 'peak MiB'],
        Object.entries(rows).map(([name, row]) => [
          name, row.eventsPerSecond.toFixed(0), (row.eventsPerSecond / unit).toFixed(2),
          isOurs(name) ? row.donePerSecond.toFixed(0) : '', row.p50_ms.toFixed(1), row.p99_ms.toFixed(1),
          row.receiverMicros.toFixed(0), row.databaseMicros.toFixed(0), row.generatorMicros.toFixed(0), row.memory.peak.toFixed(0),
        ]),
      ),
    };
  },

  async slow_disk() {
    const rows = {};
    for (const name of ours) rows[name] = { fast: await fullRate(name), slow: await fullRate(name, { slowDisk: true }) };
    return {
      rows,
      text: table(
        ['receiver', 'events/s', 'each flush 1 ms slower', 'ratio', 'with read models', 'each flush 1 ms slower', 'ratio'],
        Object.entries(rows).map(([name, { fast, slow }]) => [
          name, ...['eventsPerSecond', 'donePerSecond'].flatMap((rate) => [fast[rate].toFixed(0), slow[rate].toFixed(0), (slow[rate] / fast[rate]).toFixed(2)]),
        ]),
      ),
    };
  },

  async lone_request() {
    const rows = {};
    for (const engine of ['SQLite', 'PostgreSQL']) {
      const options = { connections: 1, count: 5_000 };
      rows[engine] = {
        billhook: await fullRate(`billhook, ${engine}`, options),
        bare: await fullRate(`the same, one INSERT a request, ${engine}`, options),
      };
    }
    return {
      rows,
      text: table(
        ['engine', 'billhook p50 ms', 'bare durable INSERT p50 ms', 'ratio'],
        Object.entries(rows).map(([engine, row]) => [
          engine, row.billhook.p50_ms.toFixed(3), row.bare.p50_ms.toFixed(3), (row.billhook.p50_ms / row.bare.p50_ms).toFixed(2),
        ]),
      ),
    };
  },

  async connections() {
    const series = {};
    for (const name of [...ours, hand]) {
      series[name] = [];
      for (const connections of [1, 4, 16, 32, 64, 256, 1_000]) {
        const count = connections === 1 ? 5_000 : Math.ceil(eventsFor(name) / 2);
        series[name].push(await fullRate(name, { connections, count }));
      }
    }
    await plot('build/bench/connections.svg', { title: 'Throughput by connections', x: 'connections', y: 'events/s', logX: true,
      series: Object.entries(series).map(([name, rows]) => ({ name, points: rows.map((row) => [row.connections, row.eventsPerSecond]) })) });
    await plot('build/bench/latency.svg', { title: 'p99 of the answer by connections', x: 'connections', y: 'ms', logX: true, logY: true,
      series: Object.entries(series).map(([name, rows]) => ({ name, points: rows.map((row) => [row.connections, row.p99_ms]) })) });
    return {
      rows: series,
      text: table(
        ['receiver', 'connections', 'events/s', 'p50 ms', 'p99 ms'],
        Object.entries(series).flatMap(([name, rows]) => rows.map((row) => [
          name, row.connections, row.eventsPerSecond.toFixed(0), row.p50_ms.toFixed(1), row.p99_ms.toFixed(1),
        ])),
      ),
    };
  },

  async lag() {
    const series = {};
    for (const name of ours) {
      const top = (await fullRate(name)).donePerSecond;
      series[name] = [];
      for (const share of [0.1, 0.25, 0.5, 0.75, 0.9]) {
        series[name].push({ share, ...(await steadyRate(name, Math.round(top * share))) });
      }
    }
    await plot('build/bench/lag.svg', { title: 'Lag of the read models by rate', x: 'events/s', y: 'p99 of the lag, ms', logY: true,
      series: Object.entries(series).map(([name, rows]) => ({ name, points: rows.map((row) => [row.rate, row.lagP99Ms]) })) });
    return {
      rows: series,
      text: table(
        ['receiver', 'share of the highest rate', 'events/s', 'answer p50 ms', 'p99 ms', 'lag p50 ms', 'p99 ms'],
        Object.entries(series).flatMap(([name, rows]) => rows.map((row) => [
          name, row.share, row.rate, row.p50_ms.toFixed(1), row.p99_ms.toFixed(1), row.lagP50Ms.toFixed(0), row.lagP99Ms.toFixed(0),
        ])),
      ),
    };
  },

  async growth() {
    const sizes = (process.env.STORED ?? '0 100000 1000000').split(' ').map(Number);
    const series = {};
    for (const name of ours) {
      series[name] = [];
      for (const stored of sizes) {
        series[name].push(await withReceiver(name, async (receiver) => {
          await store(receiver, stored);
          const requests = await signedRequests(billhook, directory, { events });
          const answer = await post(receiver.url, requests);
          const seconds = await caughtUp(receiver);
          const count = await recorded(receiver);
          const timed = async (...args) => {
            const began = performance.now();
            await receiver.cli(...args);
            return (1e3 * count) / (performance.now() - began);
          };
          return { stored, eventsPerSecond: answer.answered / answer.seconds, donePerSecond: answer.answered / (answer.seconds + seconds),
            memory: memory(receiver.child.pid), verify: await timed('verify'), export: await timed('export', '/dev/null'),
            rebuild: await timed('rebuild', '--all') };
        }));
      }
    }
    await plot('build/bench/growth.svg', { title: 'Throughput by stored events', x: 'events stored', y: 'events/s', logX: false,
      series: Object.entries(series).map(([name, rows]) => ({ name, points: rows.map((row) => [row.stored, row.eventsPerSecond]) })) });
    return {
      rows: series,
      text: table(
        ['receiver', 'events stored before', 'events/s', 'with read models', 'verify events/s', 'export', 'rebuild of all', 'peak MiB'],
        Object.entries(series).flatMap(([name, rows]) => rows.map((row) => [
          name, row.stored, row.eventsPerSecond.toFixed(0), row.donePerSecond.toFixed(0), row.verify.toFixed(0), row.export.toFixed(0),
          row.rebuild.toFixed(0), row.memory.peak.toFixed(0),
        ])),
      ),
    };
  },

  async reads() {
    const rows = {};
    for (const name of ours) {
      rows[name] = await withReceiver(name, async (receiver) => {
        const requests = await signedRequests(billhook, directory, { events: Math.ceil(events / 4) });
        await post(receiver.url, requests);
        await caughtUp(receiver);
        const ids = await copySubscriptions(receiver, subscriptions);
        return readAll(receiver, ids.map((id) => `subscriptions/${id}`));
      });
    }
    return {
      rows,
      text: table(
        ['receiver', 'subscriptions stored', 'reads/s', 'p50 ms', 'p99 ms'],
        Object.entries(rows).map(([name, row]) => [name, subscriptions, (row.answered / row.seconds).toFixed(0), row.p50_ms.toFixed(2), row.p99_ms.toFixed(2)]),
      ),
    };
  },

  async idle_connections() {
    const rows = {};
    for (const name of ours) {
      const alone = await fullRate(name);
      rows[name] = await withReceiver(name, async (receiver) => {
        const threads = () => Number(/Threads:\s+(\d+)/.exec(readFileSync(`/proc/${receiver.child.pid}/status`, 'utf8'))[1]);
        const before = threads();
        const connections = await idle(receiver.url, 10_000);
        const requests = await signedRequests(billhook, directory, { events });
        const answer = await post(receiver.url, requests);
        const figures = { alone: alone.eventsPerSecond, beside: answer.answered / answer.seconds, open: connections.open(), threadsMore: threads() - before };
        await connections.close();
        return figures;
      });
    }
    return {
      rows,
      text: table(
        ['receiver', 'idle connections', 'threads more', 'events/s', 'without them', 'ratio'],
        Object.entries(rows).map(([name, row]) => [name, row.open, row.threadsMore, row.beside.toFixed(0), row.alone.toFixed(0), (row.beside / row.alone).toFixed(2)]),
      ),
    };
  },

  scaling: () => scaling({ events, directory }),
};

const wanted = process.argv.slice(2);
for (const name of wanted) if (!(name in scenarios)) throw new Error(`no scenario ${name}; there are ${Object.keys(scenarios).join(', ')}`);
for (const [name, scenario] of Object.entries(scenarios)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n## ${name}\n`);
  results[name] = await scenario();
  console.log(results[name].text);
  writeFileSync('build/bench/results.json', JSON.stringify(results, null, 2));
}
const machine = `${cpus().length} x ${cpus()[0].model}; load generator, receiver and database on the same machine`;
writeFileSync('build/bench/report.md', `# Measured side by side\n\n${machine}\n\n${Object.entries(results).map(([name, { text }]) => `## ${name}\n\n${text}\n`).join('\n')}`);
console.log('\nwritten: build/bench/report.md, build/bench/results.json');
process.exit(0);
