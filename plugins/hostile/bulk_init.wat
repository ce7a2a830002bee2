;; Copies a data segment again and again.
(component
  (core module $m
    (data $d "0123456789012345678901234567890123456789012345678901234567890123")
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func $run (export "run") (param $at i32) (param $bytes i32) (result i32)
      (loop $again (memory.init $d (i32.const 0) (i32.const 0) (i32.const 64)) (br $again))
      (i32.const 0)
    )
  )
  (core instance $i (instantiate $m))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
)
