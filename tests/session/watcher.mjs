// Watches all keys and all documents from a position on, and prints each event as a line of JSON,
// until the key `end` is set and the document `end` has a record:
//
//     node watcher.mjs URL KEY POSITION
import { FluxionClient } from "../../clients/node/dist/esm/index.js";

const [url, apiKey, from] = process.argv.slice(2);
const client = new FluxionClient({ url, apiKey, reconnectInterval: 20, maxReconnectInterval: 200 });

async function show(kind, isLast) {
  const watcher = client.watch({ kind, from });
  watcher.on("reconnected", () => console.log(JSON.stringify({ reconnected: kind })));
  for await (const event of watcher) {
    console.log(JSON.stringify(event));
    if (isLast(event)) break;
  }
}

await Promise.all([
  show("keys", ({ key }) => key === "end"),
  show("docs", ({ doc }) => doc === "end"),
]);
await client.close();
