//! Which levels of vector units this processor has, and which one loops run on: one line a level, `absent`, `available` or
//! `chosen`.

use mixpress_simd::{Level, level};

fn main() {
    for each in Level::ALL {
        let state = match each.is_available() {
            _ if each == level() => "chosen",
            true => "available",
            false => "absent",
        };
        println!("{each} {state}");
    }
}
