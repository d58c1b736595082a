// Compiles the contracts beside this file into target/contracts/<Name>.json {abi, bytecode, selectors}.
// Does nothing when the results are newer than the sources. Usage: node build.mjs (after npm ci).
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(here, "../../target");
const out = join(target, "contracts");
const files = {
  TokenManager: ["TokenManager"],
  ModelRegistry: ["ModelRegistry"],
  HokusaiToken: ["HokusaiToken"],
  DeltaVerifier: ["DeltaVerifier"],
  Eras: ["PlainTokenManager", "EarlyAllocationsTokenManager", "ParamsTokenManager", "NumberedTokenManager", "Caller", "Proxy"],
};
const sources = Object.keys(files);
const names = Object.values(files).flat();

const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const newestSource = Math.max(changed(fileURLToPath(import.meta.url)), ...sources.map((name) => changed(join(here, `${name}.sol`))));
if (names.every((name) => changed(join(out, `${name}.json`)) > newestSource)) process.exit(0);

const input = {
  language: "Solidity",
  sources: Object.fromEntries(sources.map((name) => [`${name}.sol`, { content: readFileSync(join(here, `${name}.sol`), "utf8") }])),
  settings: {
    optimizer: { enabled: true, runs: 200 },
    viaIR: true,
    // Old enough for every node the tests meet.
    evmVersion: "paris",
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.methodIdentifiers"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const { formattedMessage } of output.errors ?? []) console.error(formattedMessage);
if ((output.errors ?? []).some(({ severity }) => severity === "error")) process.exit(1);

mkdirSync(out, { recursive: true });
for (const [source, name] of sources.flatMap((source) => files[source].map((name) => [source, name]))) {
  const { abi, evm } = output.contracts[`${source}.sol`][name];
  const path = join(out, `${name}.json`);
  // Renamed into place: tests of several processes may build at the same time.
  writeFileSync(`${path}.${process.pid}`, JSON.stringify({ abi, bytecode: `0x${evm.bytecode.object}`, selectors: evm.methodIdentifiers }));
  renameSync(`${path}.${process.pid}`, path);
  console.log(path);
}
