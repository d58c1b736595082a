//! Loopback addresses of one simulator: a whole `127.45.N.0/24` that no other simulator on this machine uses.
//!
//! Takes nothing, gives a [`Subnet`] that stays claimed until it is dropped or the process dies. Never touches a file:
//! the claim is an abstract Unix socket, which the kernel scopes exactly as it scopes loopback addresses (one network
//! namespace) and releases on any death, so that there is no lock file to go stale, to be owned by another user or to
//! be missed by a process with another `TMPDIR`.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// The load balancer's host number in the subnet.
pub const LOAD_BALANCER_HOST: u8 = 1;
/// The first host number for tasks; those between are left for further parts with an address of their own.
pub const FIRST_TASK_HOST: u8 = 10;
/// The last host number for tasks: 245 addresses, against ten tasks at most and as many again while they are replaced.
pub const LAST_TASK_HOST: u8 = 254;

/// Why no subnet could be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Every candidate is held by a live process.
    #[error(
        "all loopback subnets from 127.45.1.0/24 to 127.45.254.0/24 are claimed by other simulators"
    )]
    Exhausted,
    /// The kernel refused the socket for another reason than its being taken.
    #[error("failed to claim the loopback subnet 127.45.{third}.0/24")]
    Socket {
        /// The third number of the subnet that was tried.
        third: u8,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A claimed loopback /24.
#[derive(Debug)]
pub struct Subnet {
    third: u8,
    /// Holds the claim; nobody ever connects to it.
    _claim: UnixListener,
}

impl Subnet {
    /// The first free subnet.
    ///
    /// Linux answers on all of 127.0.0.0/8 without configuration, so a claimed address can be bound at once.
    pub fn claim() -> Result<Subnet, ClaimError> {
        for third in 1..=254 {
            let name = format!("contracts-simulator/127.45.{third}.0");
            let claim = SocketAddr::from_abstract_name(name)
                .and_then(|name| UnixListener::bind_addr(&name));
            match claim {
                Ok(claim) => {
                    return Ok(Subnet {
                        third,
                        _claim: claim,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(ClaimError::Socket { third, source }),
            }
        }
        Err(ClaimError::Exhausted)
    }

    /// The subnet's address with this last number.
    pub fn host(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 45, self.third, number)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "127.45.{}.0/24", self.third)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn two_simulators_get_different_subnets_and_a_dropped_one_is_free_again() {
        let first = Subnet::claim().unwrap();
        let second = Subnet::claim().unwrap();
        assert_ne!(first.host(1), second.host(1));

        let address = first.host(1);
        drop(first);
        // Another test process may take it in between, so all that is certain is that it was not leaked by this one.
        let third = Subnet::claim().unwrap();
        assert!(
            third.third != second.third,
            "{third} is still held as {second}, {address} was freed"
        );
    }
}
