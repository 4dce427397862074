// A hello-level wasi:http guest in JavaScript. componentize-js runs the engine until this file is loaded and keeps its
// memory as it is then: what is done here, outside of functions, is done once, when the component is made.
import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from 'wasi:http/types@0.2.12';

const BODY = new TextEncoder().encode('hello\n');

export const incomingHandler = {
    handle(request, answer) {
        // A new response has the status 200.
        const response = new OutgoingResponse(new Fields());
        const body = response.body();
        ResponseOutparam.set(answer, { tag: 'ok', val: response });
        const stream = body.write();
        stream.blockingWriteAndFlush(BODY);
        // The stream belongs to the body, and must be gone when that ends.
        stream[Symbol.dispose]();
        OutgoingBody.finish(body, undefined);
    },
};
