// The load: wrk with one thread, and what it cost.
import { fileURLToPath } from 'node:url';
import { run } from './processes.mjs';

const script = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

async function wrk(args, env) {
  // bash's `time` tells what wrk itself took of the CPU.
  const out = await run('bash', ['-c', `TIMEFORMAT='{"user": %U, "system": %S}'; { time wrk "$@" >&3; } 3>&1 2>&1`, 'wrk', ...args], { env });
  const lines = out.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const [result, time] = lines;
  return { ...result, generatorCpu: time.user + time.system };
}

/** Posts each request of the file once; figures of wrk, with the CPU seconds that it took. */
export const post = (url, requests, { connections = 32, rate = 0, seconds = 300 } = {}) =>
  wrk(['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', script('post.lua'), url], {
    BENCH_REQUESTS: requests.file,
    BENCH_RATE: `${rate}`,
    BENCH_CONNECTIONS: `${connections}`,
  });

/** Reads the paths of a file, a line each, in turn. */
export const read = (url, file, { connections = 32, seconds = 10 } = {}) =>
  wrk(['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script('read.lua'), url], { BENCH_PATHS: file });
