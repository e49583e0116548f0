;; A guest that writes to its log, waits in the host, and ends itself.
(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error-type))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $error-type (type $e))
    (export "error" (type $error (eq $e)))
    (type $failed (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failed)))
    (export "output-stream" (type $output-stream (sub resource)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $output-stream)) (param "contents" (list u8))
        (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $o))
    (export "output-stream" (type $output-stream (eq $o)))
    (export "get-stdout" (func (result (own $output-stream))))))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $output-stream (type $o))
    (export "output-stream" (type $output-stream (eq $o)))
    (export "get-stderr" (func (result (own $output-stream))))))
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $pollable (eq $p)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))

  (core module $memory-module
    (memory (export "memory") 1)
    (data (i32.const 64) "out;err;"))
  (core instance $memory-instance (instantiate $memory-module))
  (alias core export $memory-instance "memory" (core memory $memory))

  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $write
    (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $memory)))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $get-stderr (canon lower (func $stderr "get-stderr")))
  (core func $exit-now (canon lower (func $exit "exit")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))

  (core module $m
    (import "host" "memory" (memory 1))
    (import "host" "block" (func $block (param i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "get-stdout" (func $get-stdout (result i32)))
    (import "host" "get-stderr" (func $get-stderr (result i32)))
    (import "host" "exit" (func $exit (param i32)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "print") (param $times i32)
      (local $out i32) (local $err i32)
      (local.set $out (call $get-stdout))
      (local.set $err (call $get-stderr))
      (loop $again
        (call $write (local.get $out) (i32.const 64) (i32.const 4) (i32.const 0))
        (call $write (local.get $err) (i32.const 68) (i32.const 4) (i32.const 0))
        (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))
    ;; says that it has begun, then waits for an hour
    (func (export "sleep")
      (call $write (call $get-stdout) (i32.const 64) (i32.const 4) (i32.const 0))
      (call $block (call $subscribe (i64.const 3_600_000_000_000))))
    ;; says that it has begun, then works for ever
    (func (export "work")
      (call $write (call $get-stdout) (i32.const 64) (i32.const 4) (i32.const 0))
      (loop (br 0)))
    (func (export "exit") (call $exit (i32.const 1)))
    (func (export "hoard") (loop (drop (call $get-stdout)) (br 0))))
  (core instance $i (instantiate $m (with "host" (instance
    (export "memory" (memory $memory))
    (export "block" (func $block))
    (export "write" (func $write))
    (export "get-stdout" (func $get-stdout))
    (export "get-stderr" (func $get-stderr))
    (export "exit" (func $exit-now))
    (export "subscribe" (func $subscribe))))))
  (func (export "print") (param "times" u32) (canon lift (core func $i "print")))
  (func (export "sleep") (canon lift (core func $i "sleep")))
  (func (export "work") (canon lift (core func $i "work")))
  (func (export "exit") (canon lift (core func $i "exit")))
  (func (export "hoard") (canon lift (core func $i "hoard"))))
