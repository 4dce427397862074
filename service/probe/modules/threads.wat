;; Starts a thread by wasi-threads, waits for what it writes into the shared memory, and says so.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "env" "memory" (memory 1 1 shared))
  (export "memory" (memory 0))
  (data (i32.const 0) "\40\00\00\00\12\00\00\00")
  (data (i32.const 64) "a thread answered\0a")
  (func (export "wasi_thread_start") (param i32 i32)
    (i32.atomic.store (i32.const 128) (i32.const 1))
    (drop (memory.atomic.notify (i32.const 128) (i32.const 1))))
  (func (export "_start")
    ;; Not positive: no thread.
    (if (i32.le_s (call $spawn (i32.const 0)) (i32.const 0)) (then (unreachable)))
    ;; 2: ten seconds have passed.
    (if (i32.eq (memory.atomic.wait32 (i32.const 128) (i32.const 0) (i64.const 10000000000))
                (i32.const 2))
      (then (unreachable)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))
