// The real binary on a free port with a database of its own, for one file of tests.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const SECRET = "whsec_typescript";
export const KEYS = { reader: "key-of-the-reader", operator: "key-of-the-operator", admin: "key-of-the-admin" };

const binary =
  process.env["BILLHOOK_BINARY"] ?? fileURLToPath(new URL("../../../../build/release/billhook", import.meta.url));

export interface Service {
  address: string;
  stop(): Promise<void>;
}

export async function startService(): Promise<Service> {
  const child = spawn(binary, ["serve"], {
    env: {
      STRIPE_WEBHOOK_SECRET: SECRET,
      DATABASE_URL: "sqlite::memory:",
      PORT: "0",
      API_KEYS: Object.entries(KEYS)
        .map(([role, key]) => `${role}:${role}:${key}`)
        .join(","),
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const address = await listening(child);
  return {
    address,
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const [status] = await ended;
      if (status !== 0) throw new Error(`billhook ended with ${status}`);
    },
  };
}

async function listening(child: ChildProcess): Promise<string> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr! })) {
    lines.push(line);
    const entry = line.startsWith("{") ? JSON.parse(line) : {};
    if (entry.message !== "listening") continue;
    child.stderr!.resume(); // what it logs from now on is of no interest, but must not fill the pipe
    return entry.address;
  }
  throw new Error(`billhook does not listen: ${lines.join("\n")}`);
}

/** What `billhook sign` prints for the body. */
export function signByBillhook(body: string): string {
  return execFileSync(binary, ["sign", "--secret", SECRET], { input: body, encoding: "utf8" }).trim();
}
