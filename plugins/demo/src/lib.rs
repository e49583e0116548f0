//! The demo plugin: one small handler for each thing a handler can do. `wit/world.wit` tells what each does.

mod shapes;

use std::hint::{black_box, spin_loop};
use std::thread;
use std::time::{Duration, Instant};

wit_bindgen::generate!();

struct Demo;

export!(Demo);

impl Guest for Demo {
    fn add(x: i32, y: i32) -> i32 {
        x + y
    }

    fn allocate(mib: u32) -> u32 {
        // One MiB at a time, so that the memory grows until the cap itself stops it.
        let memory: Vec<_> = (0..mib).map(|_| vec![1_u8; 1 << 20]).collect();
        black_box(memory);
        mib
    }

    fn big(bytes: u32) -> Vec<u8> {
        vec![b'.'; bytes as usize]
    }

    fn divide(a: f64, b: f64) -> Result<f64, DivisionError> {
        if !a.is_finite() || !b.is_finite() {
            return Err(DivisionError::NotFinite);
        }
        if b == 0.0 {
            return Err(DivisionError::ByZero(a));
        }
        Ok(a / b)
    }

    fn echo(bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    fn fail(message: String) -> Result<(), String> {
        Err(message)
    }

    fn greet(name: String, greeting: Option<String>) -> Result<String, String> {
        if name.is_empty() {
            return Err("the name is empty: say whom to greet".to_owned());
        }
        let greeting = greeting.unwrap_or_else(|| "Hello".to_owned());
        Ok(format!("{greeting}, {name}!"))
    }

    fn panic(message: String) {
        panic!("{message}");
    }

    fn recurse(depth: u32) -> u64 {
        descend(depth)
    }

    fn say(line: String, times: u32) {
        for _ in 0..times {
            println!("{line}");
        }
        eprintln!("said it {times} times");
    }

    fn sleep(millis: u64) -> u64 {
        let start = Instant::now();
        thread::sleep(Duration::from_millis(millis));
        start.elapsed().as_millis() as u64
    }

    fn spin() {
        loop {
            spin_loop();
        }
    }
}

/// The black box hides the recursion from the optimiser, which would make a loop of it.
fn descend(depth: u32) -> u64 {
    if depth == 0 { 0 } else { black_box(descend(depth - 1)) + 1 }
}
