//! Where a webhook may go: public addresses only, whatever a name resolves to at the moment of connecting.
//!
//! Takes addresses, says whether they may be connected to. A URL in a setting is written by a person and its name is resolved by somebody else, who
//! could answer with an address inside the network: the metadata service's, Redis', this process' own. So the addresses are filtered where the
//! HTTP client resolves ([`Guard`]), and what it connects to is what was looked at. URLs with an address instead of a name are refused in `endpoint`,
//! for a client does not resolve those. What is refused is everything that IANA's registries do not call globally reachable
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>, `iana-ipv6-special-registry`), and what carries another address inside.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How far webhooks may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses, at port 443 by https.
    Public,
    /// Also to this machine itself, at any port and without TLS: for tests and development.
    Loopback,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32) -> (Ipv4Addr, u32) {
    (Ipv4Addr::new(a, b, c, d), prefix)
}

const REFUSED_V4: [(Ipv4Addr, u32); 16] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    // Shared between a carrier and its customers; EKS gives it to pods.
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    // Link local: the metadata services of EC2 (169.254.169.254) and ECS (169.254.170.2).
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    // 6to4 relays.
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    // Multicast.
    v4(224, 0, 0, 0, 4),
    // Reserved, and broadcast.
    v4(240, 0, 0, 0, 4),
    v4(255, 255, 255, 255, 32),
];

const fn v6(first: u16, second: u16, prefix: u32) -> (Ipv6Addr, u32) {
    (Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), prefix)
}

/// Global unicast. Outside are loopback, unique local (fc00::/7), link local, multicast, and IPv4 inside IPv6: mapped (::ffff:0:0/96), compatible (::/96)
/// and translated (64:ff9b::/96).
const GLOBAL_V6: (Ipv6Addr, u32) = v6(0x2000, 0, 3);
/// Inside it: protocol assignments with Teredo, documentation, 6to4 (an IPv4 address inside).
const REFUSED_V6: [(Ipv6Addr, u32); 4] = [
    v6(0x2001, 0, 23),
    v6(0x2001, 0xdb8, 32),
    v6(0x2002, 0, 16),
    v6(0x3fff, 0, 20),
];

impl Reach {
    /// Whether an address may be connected to.
    pub fn allows(self, address: IpAddr) -> bool {
        let here = self == Self::Loopback && address.is_loopback();
        here || match address {
            IpAddr::V4(address) => {
                let within = |(network, prefix): &(Ipv4Addr, u32)| {
                    (address.to_bits() ^ network.to_bits()) >> (32 - prefix) == 0
                };
                !REFUSED_V4.iter().any(within)
            }
            IpAddr::V6(address) => {
                let within = |(network, prefix): &(Ipv6Addr, u32)| {
                    (address.to_bits() ^ network.to_bits()) >> (128 - prefix) == 0
                };
                within(&GLOBAL_V6) && !REFUSED_V6.iter().any(within)
            }
        }
    }
}

/// A resolver for the HTTP client that gives only addresses that may be connected to.
#[derive(Debug, Clone, Copy)]
pub struct Guard(pub Reach);

/// A name leads only to where no webhook may go.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address that webhooks may go to")]
pub struct Refused;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let Self(reach) = *self;
        Box::pin(async move {
            // The client puts the URL's port in the place of 0.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|at| reach.allows(at.ip())).collect();
            if allowed.is_empty() {
                return Err(Refused.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn only_public_addresses_are_allowed_and_loopback_where_it_is_asked_for() {
        let allows = |reach: Reach, text: &str| reach.allows(text.parse().unwrap());
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2a05:d018::1",
            "2001:4860:4860::8888",
        ] {
            assert!(allows(Reach::Public, public), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::ffff:1.1.1.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::1.1.1.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a9fe:a9fe::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!allows(Reach::Public, private), "{private}");
            assert!(!allows(Reach::Loopback, private), "{private}");
        }
        for here in ["127.0.0.1", "127.255.0.1", "::1"] {
            assert!(!allows(Reach::Public, here), "{here}");
            assert!(allows(Reach::Loopback, here), "{here}");
        }
    }

    /// The client asks the guard, and connects to nothing else: the listener would be told.
    #[tokio::test]
    async fn a_name_that_leads_here_is_not_connected_to() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://localhost:{}/",
            listener.local_addr().unwrap().port()
        );
        let guarded = super::super::client(Reach::Public).unwrap();
        let error = guarded.post(&url).send().await.unwrap_err();
        let mut cause = error.source();
        while cause.is_some_and(|cause| !cause.is::<Refused>()) {
            cause = cause.and_then(|cause| cause.source());
        }
        assert!(cause.is_some(), "{error:?}");
        // The same with a reach that includes this machine does connect.
        let open = super::super::client(Reach::Loopback).unwrap();
        let asking = tokio::spawn(async move { open.post(&url).send().await });
        listener.accept().await.unwrap();
        asking.abort();
    }
}
