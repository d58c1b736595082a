/**
 * A typed client of the API for contract deployments, for servers: a key in a browser can be read by whoever opens the page.
 *
 * `contracts()` gives openapi-fetch's client over the API's own document: each call answers `{ data, error, response }`, of which `error` is the
 * API's, typed by its `code`. It never retries: what may be sent again is what `error.error.retryable` says, with the same `Idempotency-Key`.
 */
import { EventSourceParserStream } from "eventsource-parser/stream";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";
export type Contracts = Client<paths>;
export type Deployment = components["schemas"]["Deployment"];
/** The body of every answer that is no success. */
export type ApiError = components["schemas"]["Error"];

/** How long to wait before a stream is opened again, until the server has said it. */
const RETRY_MS = 2000;

/** A client of the API at `baseUrl` that sends `apiKey` with every request. */
export function contracts(baseUrl: string, apiKey: string): Contracts {
  return createClient<paths>({ baseUrl, headers: { "X-API-Key": apiKey } });
}

/** What `changes` ends with when the API refuses the stream. */
export class Refused extends Error {
  constructor(readonly body: ApiError) {
    super(`${body.error.code}: ${body.error.message}`);
  }
}

/**
 * Every change of a deployment, once and in order, until nothing can change any more. A stream that breaks off is taken up again after the last
 * change that came, and so is one that the server ends because the task ends or 15 minutes are over.
 *
 * @throws Refused when the API refuses the stream; whatever `fetch` throws when `signal` aborts.
 */
export async function* changes(api: Contracts, id: string, signal?: AbortSignal): AsyncGenerator<Deployment> {
  let last: string | undefined;
  let wait = RETRY_MS;
  for (;;) {
    const { data, error, response } = await api
      .GET("/api/deployments/{id}/events", {
        params: { path: { id }, header: last === undefined ? {} : { "Last-Event-ID": last } },
        parseAs: "stream",
        signal: signal ?? null,
      })
      .catch((lost: unknown) => {
        if (last === undefined || signal?.aborted) throw lost;
        return { data: undefined, error: undefined, response: undefined };
      });
    if (error && !error.error.retryable) throw new Refused(error);
    if (response?.status === 204) return;
    if (data) {
      const parser = new EventSourceParserStream({ onRetry: (milliseconds) => (wait = milliseconds) });
      const events = data.pipeThrough(new TextDecoderStream()).pipeThrough(parser);
      try {
        for await (const event of events) {
          last = event.id;
          yield JSON.parse(event.data) as Deployment;
        }
      } catch (broken) {
        if (signal?.aborted) throw broken;
      }
    }
    await new Promise((done) => setTimeout(done, wait));
    signal?.throwIfAborted();
  }
}
