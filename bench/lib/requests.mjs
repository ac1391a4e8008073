// Ready-made requests: the simulated history of `billhook simulate`, each event printed as Stripe prints it
// (indented by two spaces, about 4.6 KB) and signed now. Stripe's signatures hold for five minutes.
import { createHmac } from 'node:crypto';
import { closeSync, createReadStream, existsSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { run } from './processes.mjs';

export const secret = 'whsec_benchmark';

async function history(billhook, directory, events, seed, shuffled) {
  const path = `${directory}/history-${seed}-${events}${shuffled ? '-shuffled' : ''}.jsonl`;
  if (!existsSync(path)) {
    const order = shuffled ? ['--shuffle'] : [];
    await run(billhook, ['simulate', '--out', `${path}.part`, '--events', `${events}`, '--seed', `${seed}`, ...order]);
    renameSync(`${path}.part`, path);
  }
  return path;
}

/**
 * Writes the requests and returns their file and number. `path` of the request is the webhook's. Shuffled, nothing is
 * near what belongs to it, which no Stripe account ever sends: the worst there is.
 */
export async function signedRequests(billhook, directory, { events, seed = 1, path = '/webhooks/stripe', shuffled = true }) {
  const file = `${directory}/requests`;
  const out = openSync(file, 'w');
  const lengths = [];
  let parts = [];
  let bytes = 0;
  let bodies = 0;
  const time = Math.floor(Date.now() / 1000);
  const write = () => {
    writeSync(out, Buffer.concat(parts));
    parts = [];
    bytes = 0;
  };
  for await (const line of createInterface({ input: createReadStream(await history(billhook, directory, events, seed, shuffled)) })) {
    const body = Buffer.from(JSON.stringify(JSON.parse(line), null, 2));
    const signature = createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex');
    const head = Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n` +
        `Content-Type: application/json; charset=utf-8\r\nAccept: */*\r\nContent-Length: ${body.length}\r\n` +
        `Stripe-Signature: t=${time},v1=${signature}\r\n\r\n`,
    );
    parts.push(head, body);
    lengths.push(head.length + body.length);
    bodies += body.length;
    bytes += head.length + body.length;
    if (bytes > 8 << 20) write();
  }
  write();
  closeSync(out);
  writeFileSync(`${file}.lengths`, `${lengths.join('\n')}\n`);
  return { file, count: lengths.length, bytesPerBody: bodies / lengths.length };
}
