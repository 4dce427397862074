;; A wasi:http component that behaves badly, in one way for each path: "/a", "/b" and so on; all other paths are
;; answered with 201. What they do stands in hostile.rs, beside what is wanted of the host.
(component
  (import "wasi:io/error@0.2.0" (instance $errors (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $io-error))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $pollable))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $io-error (type $io-error))
    (alias outer 1 $pollable (type $pollable))
    (type $failed (variant (case "last-operation-failed" (own $io-error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failed)))
    (export "output-stream" (type $output (sub resource)))
    (export "[method]output-stream.check-write"
      (func (param "self" (borrow $output)) (result (result u64 (error $stream-error)))))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $output)) (param "contents" (list u8))
        (result (result (error $stream-error)))))
    (export "[method]output-stream.subscribe"
      (func (param "self" (borrow $output)) (result (own $pollable))))))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:http/types@0.2.0" (instance $types
    (alias outer 1 $output (type $output))
    (export "fields" (type $fields (sub resource)))
    (export "incoming-request" (type $request (sub resource)))
    (export "outgoing-response" (type $response (sub resource)))
    (export "outgoing-body" (type $body (sub resource)))
    (export "response-outparam" (type $outparam (sub resource)))
    (type $refused (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
    (export "header-error" (type $header-error (eq $refused)))
    (type $dns (record (field "rcode" (option string)) (field "info-code" (option u16))))
    (export "DNS-error-payload" (type $dns-error (eq $dns)))
    (type $tls (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $tls-alert (eq $tls)))
    (type $size (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $field-size (eq $size)))
    (type $error (variant
      (case "DNS-timeout") (case "DNS-error" $dns-error) (case "destination-not-found")
      (case "destination-unavailable") (case "destination-IP-prohibited")
      (case "destination-IP-unroutable") (case "connection-refused") (case "connection-terminated")
      (case "connection-timeout") (case "connection-read-timeout") (case "connection-write-timeout")
      (case "connection-limit-reached") (case "TLS-protocol-error") (case "TLS-certificate-error")
      (case "TLS-alert-received" $tls-alert) (case "HTTP-request-denied")
      (case "HTTP-request-length-required") (case "HTTP-request-body-size" (option u64))
      (case "HTTP-request-method-invalid") (case "HTTP-request-URI-invalid")
      (case "HTTP-request-URI-too-long") (case "HTTP-request-header-section-size" (option u32))
      (case "HTTP-request-header-size" (option $field-size))
      (case "HTTP-request-trailer-section-size" (option u32))
      (case "HTTP-request-trailer-size" $field-size) (case "HTTP-response-incomplete")
      (case "HTTP-response-header-section-size" (option u32))
      (case "HTTP-response-header-size" $field-size) (case "HTTP-response-body-size" (option u64))
      (case "HTTP-response-trailer-section-size" (option u32))
      (case "HTTP-response-trailer-size" $field-size)
      (case "HTTP-response-transfer-coding" (option string))
      (case "HTTP-response-content-coding" (option string)) (case "HTTP-response-timeout")
      (case "HTTP-upgrade-failed") (case "HTTP-protocol-error") (case "loop-detected")
      (case "configuration-error") (case "internal-error" (option string))))
    (export "error-code" (type $error-code (eq $error)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]fields.append"
      (func (param "self" (borrow $fields)) (param "name" string) (param "value" (list u8))
        (result (result (error $header-error)))))
    (export "[method]incoming-request.path-with-query"
      (func (param "self" (borrow $request)) (result (option string))))
    (export "[constructor]outgoing-response"
      (func (param "headers" (own $fields)) (result (own $response))))
    (export "[method]outgoing-response.set-status-code"
      (func (param "self" (borrow $response)) (param "status-code" u16) (result (result))))
    (export "[method]outgoing-response.body"
      (func (param "self" (borrow $response)) (result (result (own $body)))))
    (export "[method]outgoing-body.write"
      (func (param "self" (borrow $body)) (result (result (own $output)))))
    (export "[static]outgoing-body.finish"
      (func (param "this" (own $body)) (param "trailers" (option (own $fields)))
        (result (result (error $error-code)))))
    (export "[static]response-outparam.set"
      (func (param "param" (own $outparam))
        (param "response" (result (own $response) (error $error-code)))))))

  ;; What the host hands over goes to one place, from the fourth page on, however long it is.
  (core module $memory-module
    (memory (export "memory") 4)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $missing i32)
      (local.set $missing (i32.sub
        (i32.shr_u (i32.add (local.get 3) (i32.const 0x4ffff)) (i32.const 16)) (memory.size)))
      (if (i32.gt_s (local.get $missing) (i32.const 0))
        (then (drop (memory.grow (local.get $missing)))))
      (i32.const 0x30000)))
  (core instance $memory (instantiate $memory-module))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "realloc" (core func $realloc))

  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $poll-all (canon lower (func $poll "poll") (memory $mem) (realloc $realloc)))
  (core func $after (canon lower (func $clock "subscribe-duration")))
  (core func $random-bytes
    (canon lower (func $random "get-random-bytes") (memory $mem) (realloc $realloc)))
  (core func $check (canon lower (func $streams "[method]output-stream.check-write") (memory $mem)))
  (core func $write (canon lower (func $streams "[method]output-stream.write") (memory $mem)))
  (core func $writable (canon lower (func $streams "[method]output-stream.subscribe")))
  (core func $fields (canon lower (func $types "[constructor]fields")))
  (core func $append (canon lower (func $types "[method]fields.append") (memory $mem)))
  (core func $path (canon lower (func $types "[method]incoming-request.path-with-query")
    (memory $mem) (realloc $realloc)))
  (core func $response (canon lower (func $types "[constructor]outgoing-response")))
  (core func $status (canon lower (func $types "[method]outgoing-response.set-status-code")))
  (core func $body (canon lower (func $types "[method]outgoing-response.body") (memory $mem)))
  (core func $stream (canon lower (func $types "[method]outgoing-body.write") (memory $mem)))
  (core func $finish
    (canon lower (func $types "[static]outgoing-body.finish") (memory $mem) (realloc $realloc)))
  (core func $set (canon lower (func $types "[static]response-outparam.set") (memory $mem)))
  (core func $drop-stream (canon resource.drop $output))
  (core func $drop-pollable (canon resource.drop $pollable))

  (core module $main-module
    (import "host" "memory" (memory 4))
    (import "host" "block" (func $block (param i32)))
    (import "host" "poll-all" (func $poll-all (param i32 i32 i32)))
    (import "host" "after" (func $after (param i64) (result i32)))
    (import "host" "random-bytes" (func $random-bytes (param i64 i32)))
    (import "host" "check" (func $check (param i32 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "writable" (func $writable (param i32) (result i32)))
    (import "host" "fields" (func $fields (result i32)))
    (import "host" "append" (func $append (param i32 i32 i32 i32 i32 i32)))
    (import "host" "path" (func $path (param i32 i32)))
    (import "host" "response" (func $response (param i32) (result i32)))
    (import "host" "status" (func $status (param i32 i32) (result i32)))
    (import "host" "body" (func $body (param i32 i32)))
    (import "host" "stream" (func $stream (param i32 i32)))
    (import "host" "finish" (func $finish (param i32 i32 i32 i32)))
    (import "host" "set" (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
    (import "host" "drop-stream" (func $drop-stream (param i32)))
    (import "host" "drop-pollable" (func $drop-pollable (param i32)))

    ;; Results of calls go to 0, names are at 0x100, bytes to send from the second page on.
    (data (i32.const 0x100) "x")
    (data (i32.const 0x110) "content-length")
    (data (i32.const 0x120) "5")
    (data (i32.const 0x130) "16777216")
    (global $body-of-last (mut i32) (i32.const 0))

    (func $answer (param $outparam i32) (param $headers i32) (param $code i32)
      (local $response i32)
      (local.set $response (call $response (local.get $headers)))
      (drop (call $status (local.get $response) (local.get $code)))
      (call $send (local.get $outparam) (local.get $response)))
    (func $send (param $outparam i32) (param $response i32)
      (call $set (local.get $outparam) (i32.const 0) (local.get $response)
        (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
    ;; A response's body and the stream into it.
    (func $open (param $response i32) (result i32)
      (call $body (local.get $response) (i32.const 0))
      (global.set $body-of-last (i32.load (i32.const 4)))
      (call $stream (global.get $body-of-last) (i32.const 0))
      (i32.load (i32.const 4)))
    ;; Writes as much as the host takes at once, up to a limit, and says how much that was.
    (func $write-some (param $stream i32) (param $most i32) (result i32)
      (local $count i32)
      (call $check (local.get $stream) (i32.const 0))
      (if (i32.load8_u (i32.const 0)) (then unreachable))
      (local.set $count (i32.wrap_i64 (i64.load (i32.const 8))))
      (if (i32.gt_u (local.get $count) (local.get $most))
        (then (local.set $count (local.get $most))))
      (if (i32.gt_u (local.get $count) (i32.const 0x10000))
        (then (local.set $count (i32.const 0x10000))))
      (if (local.get $count)
        (then (call $write (local.get $stream) (i32.const 0x10000) (local.get $count) (i32.const 0))))
      (local.get $count))
    (func $wait (param $pollable i32)
      (call $block (local.get $pollable))
      (call $drop-pollable (local.get $pollable)))
    ;; Writes this many bytes, and waits for the host where it has to.
    (func $write-all (param $stream i32) (param $left i32)
      (loop $more
        (local.set $left (i32.sub (local.get $left)
          (call $write-some (local.get $stream) (local.get $left))))
        (if (local.get $left) (then
          (call $wait (call $writable (local.get $stream)))
          (br $more)))))
    (func $spin (loop $again (br $again)))
    (func $recurse (param i32) (result i32)
      (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
    (func $grow (param $pages i32)
      (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1)) (then unreachable)))

    ;; Headers that are never dropped, each with this many values of 1000 bytes and as many empty ones.
    (func $a (param $count i32) (local $one i32) (local $left i32)
      (loop $more
        (local.set $one (call $fields))
        (local.set $left (local.get $count))
        (loop $values
          (call $append (local.get $one) (i32.const 0x100) (i32.const 1)
            (i32.const 0x400) (i32.const 0) (i32.const 0x80))
          (call $append (local.get $one) (i32.const 0x100) (i32.const 1)
            (i32.const 0x8000) (i32.const 1000) (i32.const 0x80))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br_if $values (i32.and (local.get $left) (i32.eqz (i32.load8_u (i32.const 0x80))))))
        (br $more)))
    ;; Bodies that are filled and never sent.
    (func $b (local $stream i32)
      (loop $more
        (local.set $stream (call $open (call $response (call $fields))))
        (loop $fill (br_if $fill (call $write-some (local.get $stream) (i32.const -1))))
        (call $drop-stream (local.get $stream))
        (br $more)))
    ;; A response without end.
    (func $c (param $outparam i32) (local $response i32) (local $stream i32)
      (local.set $response (call $response (call $fields)))
      (local.set $stream (call $open (local.get $response)))
      (call $send (local.get $outparam) (local.get $response))
      (loop $more
        (call $write-all (local.get $stream) (i32.const 0x10000))
        (br $more)))
    ;; As much memory as there is, all of it touched, and then no end.
    (func $d (local $page i32)
      (block $full (loop $more
        (local.set $page (memory.grow (i32.const 16)))
        (br_if $full (i32.eq (local.get $page) (i32.const -1)))
        (memory.fill (i32.shl (local.get $page) (i32.const 16)) (i32.const 1) (i32.const 0x100000))
        (br $more)))
      (call $spin))
    ;; A proper response of 16 MiB.
    (func $e (param $outparam i32) (local $headers i32) (local $response i32) (local $stream i32)
      (local.set $headers (call $fields))
      (call $append (local.get $headers) (i32.const 0x110) (i32.const 14)
        (i32.const 0x130) (i32.const 8) (i32.const 0))
      (local.set $response (call $response (local.get $headers)))
      (local.set $stream (call $open (local.get $response)))
      (call $send (local.get $outparam) (local.get $response))
      (call $write-all (local.get $stream) (i32.const 0x1000000))
      (call $drop-stream (local.get $stream))
      (call $finish (global.get $body-of-last) (i32.const 0) (i32.const 0) (i32.const 0)))
    ;; Pollables that are ready, as many as the host gives, asked for ever.
    (func $f (param $count i32) (local $at i32)
      (local.set $at (i32.const 0x1000))
      (loop $more
        (i32.store (local.get $at) (call $after (i64.const 0)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br_if $more (local.get $count)))
      (local.set $count (i32.shr_u (i32.sub (local.get $at) (i32.const 0x1000)) (i32.const 2)))
      (loop $again
        (call $poll-all (i32.const 0x1000) (local.get $count) (i32.const 0))
        (br $again)))
    ;; Random bytes without end, this many at a time.
    (func $g (param $count i64)
      (loop $again (call $random-bytes (local.get $count) (i32.const 0)) (br $again)))
    ;; Fills 192 MiB, again and again.
    (func $h
      (call $grow (i32.const 3072))
      (loop $again
        (memory.fill (i32.const 0x40000) (i32.const 1) (i32.const 0xc000000))
        (br $again)))
    ;; An error with a text of 100 kB, or more than a call may hand over.
    (func $i (param $outparam i32) (param $length i32)
      (call $grow (i32.const 400))
      (memory.fill (i32.const 0x40000) (i32.const 0x61) (local.get $length))
      (call $set (local.get $outparam) (i32.const 1) (i32.const 38)
        (i32.const 1) (i64.const 0x40000) (local.get $length) (i32.const 0) (i32.const 0) (i32.const 0)))
    ;; Announces 5 bytes and sends 11.
    (func $j (param $outparam i32) (local $headers i32) (local $response i32) (local $stream i32)
      (local.set $headers (call $fields))
      (call $append (local.get $headers) (i32.const 0x110) (i32.const 14)
        (i32.const 0x120) (i32.const 1) (i32.const 0))
      (local.set $response (call $response (local.get $headers)))
      (local.set $stream (call $open (local.get $response)))
      (call $send (local.get $outparam) (local.get $response))
      (call $write-all (local.get $stream) (i32.const 11)))
    ;; 200,000 headers that are never dropped.
    (func $k (local $left i32)
      (local.set $left (i32.const 200000))
      (loop $more
        (drop (call $fields))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $more (local.get $left))))
    ;; A response whose body is begun and forgotten.
    (func $l (param $outparam i32) (local $response i32)
      (local.set $response (call $response (call $fields)))
      (drop (call $open (local.get $response)))
      (call $send (local.get $outparam) (local.get $response)))

    (func (export "handle") (param $request i32) (param $outparam i32)
      (local $letter i32)
      (call $path (local.get $request) (i32.const 0))
      (local.set $letter (i32.load8_u (i32.add (i32.load (i32.const 4)) (i32.const 1))))
      (if (i32.le_u (i32.load (i32.const 8)) (i32.const 1)) (then (local.set $letter (i32.const 0))))
      (block $other
        (block $u (block $t (block $s (block $r (block $q (block $p (block $o (block $n (block $m
        (block $l (block $k (block $j (block $i (block $h (block $g (block $f (block $e
        (block $d (block $c (block $b (block $a
          (br_table $a $b $c $d $e $f $g $h $i $j $k $l $m $n $o $p $q $r $s $t $u $other
            (i32.sub (local.get $letter) (i32.const 0x61))))
          (call $a (i32.const 120)) return)
          (call $b) return)
          (call $c (local.get $outparam)) return)
          (call $d) return)
          (call $e (local.get $outparam)) return)
          (call $f (i32.const 8)) return)
          (call $g (i64.const 60000000)) return)
          (call $h) return)
          (call $i (local.get $outparam) (i32.const 100000)) return)
          (call $j (local.get $outparam)) return)
          (call $k) return)
          (call $l (local.get $outparam)) return)
          (call $g (i64.const 0x10000)) return)  ;; m
          (call $f (i32.const 10000)) return)  ;; n: as many as there are
          (drop (call $recurse (i32.const 0))) return)  ;; o
          return)  ;; p: no response
          unreachable)  ;; q
          (call $answer (local.get $outparam) (call $fields) (i32.const 201)) (call $spin) return)  ;; r
          (call $spin) return)  ;; s
          (call $i (local.get $outparam) (i32.const 20000000)) return)  ;; t
          (call $a (i32.const 14)) return)  ;; u
      (call $answer (local.get $outparam) (call $fields) (i32.const 201))))
  (core instance $main (instantiate $main-module (with "host" (instance
    (export "memory" (memory $mem))
    (export "block" (func $block))
    (export "poll-all" (func $poll-all))
    (export "after" (func $after))
    (export "random-bytes" (func $random-bytes))
    (export "check" (func $check))
    (export "write" (func $write))
    (export "writable" (func $writable))
    (export "fields" (func $fields))
    (export "append" (func $append))
    (export "path" (func $path))
    (export "response" (func $response))
    (export "status" (func $status))
    (export "body" (func $body))
    (export "stream" (func $stream))
    (export "finish" (func $finish))
    (export "set" (func $set))
    (export "drop-stream" (func $drop-stream))
    (export "drop-pollable" (func $drop-pollable))))))

  (alias export $types "incoming-request" (type $incoming-request))
  (alias export $types "response-outparam" (type $response-outparam))
  (func $handle
    (param "request" (own $incoming-request)) (param "response-out" (own $response-outparam))
    (canon lift (core func $main "handle")))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))
