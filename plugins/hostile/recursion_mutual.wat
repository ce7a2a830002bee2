;; Two functions call each other without end.
(component
  (core module $m
    (func $other (param i32 i32) (result i32) (call $run (local.get 0) (local.get 1)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func $run (export "run") (param $at i32) (param $bytes i32) (result i32)
      (call $other (local.get $at) (local.get $bytes))
    )
  )
  (core instance $i (instantiate $m))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
)
