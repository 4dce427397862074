// The service as a Worker of workerd, which compiles the module itself when it reads its
// configuration.

import module from "command.wasm";
import { respond } from "./fetch.mjs";

export default { fetch: (request) => respond(module, request) };
