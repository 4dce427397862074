// A request and a response of the Fetch standard, which Deno, Bun and workerd hand to a service.

import { answer, readBody } from "./command.mjs";

export async function respond(module, request) {
  const { url, method } = request;
  const { status, contentType, body } = answer(module, {
    method,
    // As it was sent: a URL object would write it anew.
    target: url.slice(url.indexOf("/", url.indexOf("//") + 2)),
    contentType: request.headers.get("content-type"),
    body: await readBody(request.body),
  });
  return new Response(body, { status, headers: { "content-type": contentType } });
}
