// An API on Node's own http module. Its jobs read a header of each clip and compute on it in the event loop.
"use strict";
const http = require("node:http");

const STORE_URL = process.env.STORE_URL;
const FETCH_TIMEOUT_MS = 1000 * Number(process.env.FETCH_TIMEOUT_S || 120);
const agent = new http.Agent({ keepAlive: true });

function log(level, text) {
  console.log(`${new Date().toISOString()} ${level} [${process.pid}] ${text}`);
}

function fetchClip(name) {
  return new Promise((resolve, reject) => {
    const request = http.get(`${STORE_URL}/${name}`, { agent, timeout: FETCH_TIMEOUT_MS }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => resolve(Buffer.concat(chunks)));
      answer.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error("the store does not answer")));
    request.on("error", reject);
  });
}

function extractFeatures(clip) {
  const counts = new Array(16).fill(0);
  let state = clip.readUInt32BE(0) + 7;
  for (let step = 0; step < clip.length * 200; step++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    counts[state >>> 28]++;
  }
  return counts;
}

async function runJob(name) {
  const start = Date.now();
  const clip = await fetchClip(name);
  extractFeatures(clip);
  log("INFO", `job ${name} done bytes=${clip.length} seconds=${(Date.now() - start) / 1000}`);
}

async function handle(request, url) {
  const name = url.pathname.split("/").pop();
  if (request.method === "POST" && url.pathname.startsWith("/async-process/")) {
    runJob(name);
    return [202, { job: name, state: "accepted" }];
  }
  if (url.pathname.startsWith("/v1/results/")) return [200, { job: name, bytes: (await fetchClip(name)).length }];
  if (url.pathname === "/v1/summary") return [200, { bytes: (await fetchClip("summaries/day")).length }];
  if (url.pathname === "/health") return [200, { status: "ok" }];
  if (url.pathname === "/v1/report") return [200, { rows: Array.from({ length: 240 }, (_, i) => [i, (i * 37) % 91]) }];
  return [404, { error: "not found" }];
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  let status, body;
  try {
    [status, body] = await handle(request, url);
  } catch (error) {
    log("ERROR", `${request.method} ${url.pathname}: ${error.message}`);
    [status, body] = [503, { error: error.message }];
  }
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
});
server.listen(Number(process.env.PORT), () => log("INFO", `listening on port ${process.env.PORT}`));
process.on("SIGTERM", () => {
  log("INFO", "SIGTERM: closing");
  server.close(() => process.exit(0));
});
