//! Free loopback ports, for processes that must come back on the same one after a kill.
//!
//! They are taken below the range from which the kernel serves outgoing connections: a port from that range could be
//! taken by somebody's connection while its server is down.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::{Failure, Outcome};

static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

const TRIES_MAX: usize = 500;

/// A loopback port nobody listens on and this process has not given out before.
///
/// Another process may still take it first; who starts a server therefore treats "address in use" as a reason to ask again.
pub fn free_port() -> Outcome<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..TRIES_MAX {
        let port = fastrand::u16(15_000..32_000);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    Err(Failure::new("no free loopback port between 15000 and 31999"))
}
