// A private PostgreSQL with fsync on and a production's WAL size, its own for each run.
import { fileURLToPath } from 'node:url';
import { readFileSync } from 'node:fs';
import { run } from './processes.mjs';

const script = fileURLToPath(new URL('../../tests/support/private_postgres.sh', import.meta.url));

export async function withPostgres(env, use) {
  const [url, directory] = (await run('bash', [script, 'start'], { env })).trim().split(' ');
  const sql = (text) => run('psql', ['--quiet', '--no-psqlrc', '--tuples-only', '--no-align', '-c', text, url]);
  try {
    await sql("ALTER SYSTEM SET max_wal_size = '4GB'");
    await sql('CREATE ROLE postgres'); // a peer's migrations name it
    await sql('SELECT pg_reload_conf()');
    const pid = Number(readFileSync(`${directory}/data/postmaster.pid`, 'utf8').split('\n')[0]);
    return await use({ url, pid, sql });
  } finally {
    await run('bash', [script, 'stop', directory]);
  }
}
