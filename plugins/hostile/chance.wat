;; Looks for chance where a machine has some: signs and payloads of NaN, memory nobody wrote, fresh pages, its input.
;; Allowed; two calls with one input must say the same.
(component
  (core module $m
    (data (i32.const 2048) "{\22drop\22:{\22code\22:\22done\22,\22text\22:\220000000000000000\22}}")
    (memory (export "memory") 2)
    (global $sum (mut i64) (i64.const 1469598103934665603))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func $mix (param $value i64)
      (global.set $sum (i64.mul (i64.xor (global.get $sum) (local.get $value)) (i64.const 1099511628211))))
    (func $run (export "run") (param $at i32) (param $bytes i32) (result i32)
      (local $n i32) (local $digit i32)
      ;; NaN made in every way there is.
      (call $mix (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))))
      (call $mix (i64.reinterpret_f64 (f64.sqrt (f64.const -1))))
      (call $mix (i64.reinterpret_f64 (f64.sub (f64.const inf) (f64.const inf))))
      (call $mix (i64.reinterpret_f64 (f64.mul (f64.const nan:0x4000000000001) (f64.const -nan:0x123))))
      (call $mix (i64.reinterpret_f64 (f64.promote_f32 (f32.div (f32.const -nan:0x12345) (f32.const nan:0x7)))))
      (call $mix (i64.extend_i32_u (i32.reinterpret_f32 (f32.min (f32.const nan:0x7) (f32.const -nan:0x9)))))
      (call $mix (i64.extend_i32_u (i32.reinterpret_f32 (f32.demote_f64 (f64.const nan:0x123)))))
      ;; What a growing memory says, and what lies in it.
      (call $mix (i64.extend_i32_s (memory.grow (i32.const 3))))
      (loop $again
        (call $mix (i64.load (local.get $n)))
        (local.set $n (i32.add (local.get $n) (i32.const 8)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 327680))))
      ;; The sum in hexadecimal: into the text.
      (local.set $n (i32.const 0))
      (loop $digits
        (local.set $digit (i32.and (i32.wrap_i64 (i64.shr_u (global.get $sum) (i64.extend_i32_u (i32.shl (local.get $n) (i32.const 2))))) (i32.const 15)))
        (i32.store8
          (i32.add (i32.const 2079) (local.get $n))
          (i32.add (local.get $digit) (select (i32.const 87) (i32.const 48) (i32.gt_u (local.get $digit) (i32.const 9)))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $digits (i32.lt_u (local.get $n) (i32.const 16))))
      (i32.store (i32.const 1024) (i32.const 2048))
      (i32.store (i32.const 1028) (i32.const 50))
      (i32.const 1024)
    )
  )
  (core instance $i (instantiate $m))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
)
