// A typed client of billhook's HTTP API: openapi-fetch over the types that docs/openapi.json gives (schema.ts, generated).
// Amounts are integers in minor units; a sum beyond Number.MAX_SAFE_INTEGER loses digits in JSON.parse.
import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";
export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];
export type Billhook = Client<paths, `${string}/${string}`>;

export interface BillhookOptions {
  /** The service's address, e.g. http://127.0.0.1:8080 */
  baseUrl: string;
  /** One of API_KEYS; without it only what needs no key answers, unless the service is open. */
  apiKey?: string;
  fetch?: (request: Request) => Promise<Response>;
}

/** A client whose GET, POST and DELETE know each path with its parameters, bodies and answers. */
export function createBillhook({ baseUrl, apiKey, fetch }: BillhookOptions): Billhook {
  return createClient<paths>({
    baseUrl: baseUrl.replace(/\/+$/, ""),
    headers: apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` },
    ...(fetch === undefined ? {} : { fetch }),
  });
}

/** What billhook refused, with its problem details (RFC 9457). */
export class BillhookError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
  ) {
    super(`${status} ${problem.code ?? "unknown"}: ${problem.detail ?? "no problem details"}`);
    this.name = "BillhookError";
  }

  /** Stable, for programs: "insufficient_funds", "projection_behind" ... */
  get code(): string | undefined {
    return this.problem.code;
  }
}

/** The answer's body, or a BillhookError: `const { state } = await dataOf(billhook.POST("/api/v1/replay", ...))`. */
export async function dataOf<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (response.ok) return data as T;
  throw new BillhookError(response.status, typeof error === "object" && error !== null ? error : {});
}

interface Page<Row> {
  data: Row[];
  has_more: boolean;
  next_cursor: string | null;
}

/** Every row of a list: `for await (const row of rowsOf((cursor) => dataOf(billhook.GET(..., { params: { query: { ...cursor } } }))))`. */
export async function* rowsOf<Row>(
  pageAfter: (cursor: { cursor?: string }) => Promise<Page<Row>>,
): AsyncGenerator<Row, void, undefined> {
  for (let cursor: { cursor?: string } = {}; ; ) {
    const page = await pageAfter(cursor);
    yield* page.data;
    if (!page.has_more || page.next_cursor === null) return;
    cursor = { cursor: page.next_cursor };
  }
}
