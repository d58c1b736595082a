// The document of the API on this page's own host, each operation with its examples in its description, where Swagger UI shows them.
const spec = await (await fetch("/openapi.json")).json();
for (const operations of Object.values(spec.paths)) {
  for (const operation of Object.values(operations)) {
    const examples = operation["x-codeSamples"].map(({ label, source }) =>
      `${label}:\n\n\`\`\`\n${source.replaceAll("https://contracts.hokus.ai", location.origin)}\n\`\`\`\n`);
    operation.description = examples.join("\n");
  }
}
// The key that is typed in stays in this page's memory: nothing is kept when it is closed.
SwaggerUIBundle({ spec, dom_id: "#api", deepLinking: true, displayRequestDuration: true, tryItOutEnabled: true, persistAuthorization: false, defaultModelsExpandDepth: 0 });
