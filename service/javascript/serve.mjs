// The service under Node.js, Deno and Bun, each with its own HTTP server:
// `serve.mjs MODULE ADDRESS:PORT`. The module is compiled once, at the start.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import process from "node:process";
import { answer, readBody } from "./command.mjs";
import { respond } from "./fetch.mjs";

const [file, address] = process.argv.slice(2);
if (!file || !/:\d+$/.test(address ?? "")) {
  console.error("usage: serve.mjs MODULE ADDRESS:PORT");
  process.exit(2);
}
const module = new WebAssembly.Module(readFileSync(file));
const hostname = address.slice(0, address.lastIndexOf(":"));
const port = Number(address.slice(address.lastIndexOf(":") + 1));
const fetch = (request) => respond(module, request);

if (globalThis.Deno) {
  Deno.serve({ hostname, port, onListen() {} }, fetch);
} else if (globalThis.Bun) {
  Bun.serve({ hostname, port, fetch });
} else {
  createServer(respondOnNode).listen(port, hostname);
}

async function respondOnNode(request, response) {
  try {
    // Destroyed, the connection would take the answer with it.
    const body = await readBody(request.iterator({ destroyOnReturn: false }));
    const { method, url: target } = request;
    const contentType = request.headers["content-type"];
    const answered = answer(module, { method, target, contentType, body });
    const length = Buffer.byteLength(answered.body);
    response.writeHead(answered.status, {
      "content-type": answered.contentType,
      "content-length": length,
      // What was not read of a long body still stands before the next request.
      ...(request.complete ? {} : { connection: "close" }),
    });
    response.end(answered.body);
  } catch {
    // The client went away within its body.
    response.destroy();
  }
}
