;; Answers with a list that holds the very pointer and length that name it.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func $run (export "run") (param $at i32) (param $bytes i32) (result i32)
      (i32.store (i32.const 1024) (i32.const 1020))
      (i32.store (i32.const 1028) (i32.const 16))
      (i32.const 1024)
    )
  )
  (core instance $i (instantiate $m))
  (func (export "run") (param "input" (list u8)) (result (list u8))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
)
