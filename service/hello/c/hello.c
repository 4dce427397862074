/* A hello-level wasi:http guest in C: the imported functions are declared as the canonical ABI lowers them, which is what
 * `wit-bindgen c` would generate for the few that are called here. */
#include <stdint.h>
#include <stdlib.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define TYPES "wasi:http/types@0.2.12"
#define STREAMS "wasi:io/streams@0.2.12"

typedef int32_t handle;

/* Where a result goes that is more than one value: the tag, and after it what it holds. */
typedef struct {
    uint8_t is_error;
    handle value;
} body_result;
typedef struct {
    uint8_t is_error;
    uint8_t cause;
    handle error;
} stream_result;
/* Of `result<_, error-code>`, never looked at: 40 bytes at an alignment of 8. */
typedef struct {
    _Alignas(8) uint8_t bytes[40];
} finish_result;

IMPORT(TYPES, "[constructor]fields") handle fields_new(void);
IMPORT(TYPES, "[constructor]outgoing-response") handle response_new(handle headers);
IMPORT(TYPES, "[method]outgoing-response.body") void response_body(handle response, body_result *body);
/* The response or the error: the tag, and the eight values that the widest error is flattened to. */
IMPORT(TYPES, "[static]response-outparam.set")
void outparam_set(handle out, int32_t is_error, handle response, int32_t, int64_t, int32_t, int32_t, int32_t, int32_t);
IMPORT(TYPES, "[method]outgoing-body.write") void body_write(handle body, body_result *stream);
IMPORT(TYPES, "[static]outgoing-body.finish")
void body_finish(handle body, int32_t has_trailers, handle trailers, finish_result *end);
IMPORT(TYPES, "[resource-drop]incoming-request") void request_drop(handle request);
IMPORT(STREAMS, "[method]output-stream.blocking-write-and-flush")
void stream_write(handle stream, const uint8_t *bytes, size_t length, stream_result *end);
IMPORT(STREAMS, "[resource-drop]output-stream") void stream_drop(handle stream);

static const uint8_t BODY[] = {'h', 'e', 'l', 'l', 'o', '\n'};

__attribute__((export_name("wasi:http/incoming-handler@0.2.12#handle")))
void handle_request(handle request, handle out) {
    body_result body, stream;
    stream_result written;
    finish_result finished;

    request_drop(request);
    /* A new response has the status 200. */
    handle response = response_new(fields_new());
    response_body(response, &body);
    outparam_set(out, 0, response, 0, 0, 0, 0, 0, 0);
    if (body.is_error) return;
    body_write(body.value, &stream);
    if (!stream.is_error) {
        stream_write(stream.value, BODY, sizeof BODY, &written);
        stream_drop(stream.value);
    }
    body_finish(body.value, 0, 0, &finished);
}

/* The host asks here for memory to put lists and strings in. */
__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_size, size_t alignment, size_t size) {
    (void)old_size;
    (void)alignment;
    if (size == 0) return (void *)alignment;
    void *new = realloc(old, size);
    if (new == NULL) abort();
    return new;
}
