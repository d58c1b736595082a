// Verifies webhooks as a receiver would, with the library that Standard Webhooks publishes: {secret, headers, body} a line in, "ok" or the library's
// own words a line out.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log("ok");
  } catch (refused) {
    console.log(refused.message);
  }
}
