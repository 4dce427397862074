;; Adds two vectors and says so when the sum's last lane is right.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\08\00\00\00")
  (data (i32.const 64) "simd 44\0a")
  (data (i32.const 128) "\01\00\00\00\02\00\00\00\03\00\00\00\04\00\00\00")
  (data (i32.const 144) "\0a\00\00\00\14\00\00\00\1e\00\00\00\28\00\00\00")
  (func (export "_start")
    (if (i32.ne
          (i32x4.extract_lane 3
            (i32x4.add (v128.load (i32.const 128)) (v128.load (i32.const 144))))
          (i32.const 44))
      (then (unreachable)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))
