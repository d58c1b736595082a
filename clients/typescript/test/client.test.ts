/** The client against a running API: `make client-test` starts it and names it in API_URL and API_KEY. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { changes, contracts, Refused, type Deployment } from "../src/index.js";

const { API_URL, API_KEY } = process.env;
assert(API_URL && API_KEY, "run this by `make client-test`");
const api = contracts(API_URL, API_KEY);
const userAddress = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc";

test("a deployment is asked for once, followed to its end, shown and listed", async () => {
  const request = {
    params: { header: { "Idempotency-Key": randomUUID() } },
    body: { modelId: `typed-${randomUUID()}`, userAddress },
  };
  const { data: accepted, response } = await api.POST("/api/deployments", request);
  assert(accepted);
  assert.equal(response.status, 202);
  const id = accepted.data.requestId;
  const { data: again, response: repeated } = await api.POST("/api/deployments", request);
  assert.equal(again?.data.requestId, id);
  assert.equal(repeated.headers.get("idempotent-replayed"), "true");

  const steps: Deployment["currentStep"][] = [];
  for await (const deployment of changes(api, id, AbortSignal.timeout(60_000))) steps.push(deployment.currentStep);
  assert.equal(steps[0], "Queued for deployment");
  assert.equal(steps.at(-1), "Deployment completed");
  assert.equal(new Set(steps).size, steps.length);

  const { data: shown } = await api.GET("/api/deployments/{id}", { params: { path: { id } } });
  assert.match(shown?.data.tokenDetails?.tokenAddress ?? "", /^0x[0-9a-fA-F]{40}$/);
  const { data: page } = await api.GET("/api/deployments", { params: { query: { modelId: request.body.modelId, status: "deployed" } } });
  assert.deepEqual(page?.data.deployments.map((one) => one.requestId), [id]);
});

test("an error is told by its code", async () => {
  const modelId = `typed-${randomUUID()}`;
  assert((await api.POST("/api/deployments", { body: { modelId, userAddress } })).data);
  const { error } = await api.POST("/api/deployments", { body: { modelId, userAddress } });
  assert(error?.error.code === "DUPLICATE_DEPLOYMENT" || error?.error.code === "TOKEN_ALREADY_EXISTS");
  const { error: wrong } = await api.POST("/api/deployments", { body: { modelId: "no spaces", userAddress } });
  assert.equal(wrong?.error.code, "VALIDATION_ERROR");
  // The compiler knows which codes this call can answer.
  // @ts-expect-error TS2367: no overlap
  assert.notEqual(wrong?.error.code === "NOT_CANCELLABLE", true);
  const { error: nobody } = await contracts(API_URL, "another").GET("/api/deployments");
  assert.equal(nobody?.error.code, "INVALID_TOKEN");
});

test("a stream that the API refuses says why", async () => {
  const unknown = changes(api, "00000000-0000-4000-8000-000000000000");
  await assert.rejects(unknown.next(), (refused) => refused instanceof Refused && refused.body.error.code === "DEPLOYMENT_NOT_FOUND");
});
