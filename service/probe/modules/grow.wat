;; Lets the memory grow by 1 MiB at a time until it is refused or 128 MiB are reached, and says which.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\06\00\00\00\60\00\00\00\08\00\00\00")
  (data (i32.const 64) "grown\0a")
  (data (i32.const 96) "refused\0a")
  (func (export "_start")
    (loop $more
      (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1))
        (then
          (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 32)))
          (return)))
      (br_if $more (i32.lt_u (memory.size) (i32.const 2048))))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))
