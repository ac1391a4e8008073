// Processes that a run starts: each with its log, its share of CPU and memory read from /proc, ended by pid.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { openSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const started = new Set();
process.on('exit', () => started.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const isLive = async (url) => (await fetch(`${url}/health/live`)).ok;

/** Starts a server and waits until it answers: GET /health/live at `url`, or what `answers` asks. */
export async function startServer(command, args, { env, log, url, answers = isLive }) {
  const out = openSync(log, 'w');
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', out, out] });
  started.add(child);
  child.on('exit', () => started.delete(child));
  for (let tries = 0; tries < 600; ++tries) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`${command} ended at once:\n${readFileSync(log, 'utf8').slice(-1_000)}`);
    }
    try {
      if (await answers(url)) return child;
    } catch {
      // not yet
    }
    await sleep(50);
  }
  throw new Error(`${command} does not answer at ${url}; see ${log}`);
}

export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Runs a program to its end and returns its standard output. */
export async function run(command, args, options = {}) {
  const child = spawn(command, args, {
    ...options,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.add(child);
  let out = '';
  child.stdout.on('data', (part) => (out += part));
  const [code] = await once(child, 'close');
  started.delete(child);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${code}`);
  return out;
}

const ticksPerSecond = 100; // of /proc: USER_HZ is 100 on every Linux of this century

const fieldsOf = (pid) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third field on
};

/** CPU seconds, user and system, of a process and of its children, ended ones included. */
export function cpuSeconds(pid) {
  const own = fieldsOf(pid);
  let ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(own[field]), 0);
  for (const other of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = fieldsOf(other);
      if (Number(fields[1]) === pid) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // ended meanwhile
    }
  }
  return ticks / ticksPerSecond;
}

/** Resident and peak memory of a process in MiB. */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024;
  return { resident: mib('VmRSS'), peak: mib('VmHWM') };
}
