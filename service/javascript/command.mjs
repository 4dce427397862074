// Answers a request by a fresh instance of the core module `command.wasm` (service/command):
// method, target and content type are its arguments, the body its standard input, the answer its
// standard output. Of WASI preview 1 the module imports nine functions, and these are all that stands here:
// the same lines on every engine, so that engines are weighed and no library of theirs.

// As MAX_BODY_BYTES of service/transform, which refuses what is longer; how much longer is all one.
const BODY_LIMIT_BYTES = 16 * 1024 * 1024;
const SUCCESS = 0;
const BAD_DESCRIPTOR = 8;
const INVALID = 28;
// What `crypto.getRandomValues` fills at a time.
const RANDOM_LIMIT_BYTES = 65536;

class Exit extends Error {
  constructor(code) {
    super(`the module ended with exit code ${code}`);
    this.code = code;
  }
}

// The pieces of a body, an async iterable of bytes, up to the limit and one byte beyond it.
export async function readBody(pieces) {
  const kept = [];
  let count = 0;
  for await (const piece of pieces ?? []) {
    kept.push(piece);
    count += piece.length;
    if (count > BODY_LIMIT_BYTES) break;
  }
  return joined(kept, Math.min(count, BODY_LIMIT_BYTES + 1));
}

// Status, content type and body of the answer. A module that traps or fails is an answer too: one
// broken image must not end everyone's service.
export function answer(module, { method, target, contentType, body }) {
  const words = ["weighbridge-command", method, target, contentType ?? "-"];
  try {
    return parsed(run(module, words, body));
  } catch (error) {
    console.error(`weighbridge-javascript: ${error}`);
    return { status: 500, contentType: "text/plain; charset=utf-8", body: "the module failed" };
  }
}

// What the module writes to its standard output.
function run(module, words, input) {
  const output = { 1: [], 2: [] };
  const memory = {};
  const instance = new WebAssembly.Instance(module, {
    wasi_snapshot_preview1: preview1(memory, words, input, output),
  });
  memory.exported = instance.exports.memory;
  try {
    instance.exports._start();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    const said = new TextDecoder().decode(joined(output[2])).trim();
    if (error.code !== 0) throw new Error(`${error.message}: ${said}`);
  }
  return joined(output[1]);
}

function preview1(memory, words, input, output) {
  const view = () => new DataView(memory.exported.buffer);
  const bytes = (at, count) => new Uint8Array(memory.exported.buffer, at >>> 0, count >>> 0);
  const encoded = words.map((word) => new TextEncoder().encode(`${word}\0`));
  const sizes = (count, length) => (countAt, lengthAt) => {
    view().setUint32(countAt >>> 0, count, true);
    view().setUint32(lengthAt >>> 0, length, true);
    return SUCCESS;
  };
  let read = 0;
  return {
    args_sizes_get: sizes(encoded.length, encoded.reduce((sum, word) => sum + word.length, 0)),
    args_get(pointersAt, textAt) {
      encoded.forEach((word, index) => {
        view().setUint32((pointersAt >>> 0) + 4 * index, textAt, true);
        bytes(textAt, word.length).set(word);
        textAt += word.length;
      });
      return SUCCESS;
    },
    environ_sizes_get: sizes(0, 0),
    environ_get: () => SUCCESS,
    random_get(at, count) {
      for (let done = 0; done < count; done += RANDOM_LIMIT_BYTES) {
        const piece = Math.min(RANDOM_LIMIT_BYTES, count - done);
        crypto.getRandomValues(bytes(at + done, piece));
      }
      return SUCCESS;
    },
    clock_time_get(clock, _precision, at) {
      if (clock > 1) return INVALID;
      const milliseconds = clock === 0 ? Date.now() : performance.now();
      view().setBigUint64(at >>> 0, BigInt(Math.round(milliseconds * 1e6)), true);
      return SUCCESS;
    },
    fd_read(descriptor, vectorsAt, vectorsCount, countAt) {
      if (descriptor !== 0) return BAD_DESCRIPTOR;
      const before = read;
      for (const space of vectors(view(), bytes, vectorsAt, vectorsCount)) {
        const piece = input.subarray(read, read + space.length);
        space.set(piece);
        read += piece.length;
      }
      view().setUint32(countAt >>> 0, read - before, true);
      return SUCCESS;
    },
    fd_write(descriptor, vectorsAt, vectorsCount, countAt) {
      if (!(descriptor in output)) return BAD_DESCRIPTOR;
      let written = 0;
      for (const piece of vectors(view(), bytes, vectorsAt, vectorsCount)) {
        // A copy: the module writes over its memory.
        output[descriptor].push(piece.slice());
        written += piece.length;
      }
      view().setUint32(countAt >>> 0, written, true);
      return SUCCESS;
    },
    proc_exit(code) {
      throw new Exit(code);
    },
  };
}

function vectors(view, bytes, at, count) {
  return Array.from({ length: count }, (_, index) => {
    const vector = (at >>> 0) + 8 * index;
    return bytes(view.getUint32(vector, true), view.getUint32(vector + 4, true));
  });
}

// The pieces as one array, of which `length` may take less.
function joined(pieces, length) {
  const whole = new Uint8Array(length ?? pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    const taken = piece.subarray(0, whole.length - at);
    whole.set(taken, at);
    at += taken.length;
  }
  return whole;
}

// `STATUS CONTENT_TYPE`, a line end, and the body as it is.
function parsed(written) {
  const end = written.indexOf(10);
  const head = new TextDecoder().decode(written.subarray(0, end));
  const space = head.indexOf(" ");
  if (end < 0 || space < 0) throw new Error("the module wrote no answer");
  return {
    status: Number(head.slice(0, space)),
    contentType: head.slice(space + 1),
    body: written.subarray(end + 1),
  };
}
