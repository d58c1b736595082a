//! What the unit refers to and never makes: contract addresses, certificate, DNS record, subnets, security groups.

use super::{Graph, person};
use crate::reconciler::observed::{Address, Certificate, Permission, SecurityGroup};
use crate::reconciler::plan::{Kind, Subject};

impl Graph<'_> {
    /// Parameters that hold contract addresses: all zeros is what a deployment that never happened leaves behind, and a
    /// service with one runs, is healthy, and can do nothing.
    pub(super) fn addresses(&mut self) {
        for (name, address) in &self.observed.addresses {
            let (why, fix) = match address {
                Address::Value(value) if is_zero(value) => (
                    "is the zero address: no contract is there".to_owned(),
                    "deploy the contract and put its address there",
                ),
                Address::Value(value) if !is_address(value) => (
                    "is no address (0x and 40 hex digits)".to_owned(),
                    "put the contract's address there",
                ),
                Address::Value(_) => continue,
                Address::Secret => (
                    "is a secret, and not read; an address is none".to_owned(),
                    "make it a parameter of type String",
                ),
            };
            let blocks = [self.task_definition(), self.service()];
            let parameter = Subject::new(Kind::Parameter, name);
            self.find(self.task_definition(), parameter, why, person(fix, blocks));
        }
    }

    /// One of the listener's certificates is for the host; clients refuse any other.
    pub(super) fn certificate(&mut self) {
        let host = &self.spec.load_balancer.host;
        let covers = |certificate: &Certificate| {
            certificate.domains.is_empty()
                || certificate.status == "ISSUED"
                    && certificate
                        .domains
                        .iter()
                        .any(|domain| covers(domain, host))
        };
        let certificates = &self.observed.certificates;
        if certificates.is_empty() || certificates.iter().any(covers) {
            return;
        }
        let known: Vec<String> = certificates
            .iter()
            .map(|it| {
                let domains: Vec<&str> = it.domains.iter().map(String::as_str).collect();
                format!("{} ({})", domains.join(" "), it.status)
            })
            .collect();
        let listener = Subject::new(Kind::HttpsListener, &self.spec.load_balancer.name);
        let why = format!(
            "has no valid certificate for the host, only {}",
            known.join(", ")
        );
        let fix = format!("add a certificate for {host} to the listener");
        self.find(self.rule(), listener, why, person(fix, []));
    }

    /// The host's record leads to this load balancer, as far as this account's DNS can say.
    pub(super) fn record(&mut self) {
        let Some(balancer) = &self.observed.load_balancer else {
            return;
        };
        let dns = &self.observed.dns;
        if dns.zone.is_none() {
            return;
        }
        let addresses = ["A", "AAAA", "CNAME"];
        let values: Vec<&str> = addresses
            .into_iter()
            .filter_map(|kind| dns.records.get(kind))
            .flatten()
            .map(String::as_str)
            .collect();
        if values.contains(&balancer.dns_name.as_str()) {
            return;
        }
        let why = if values.is_empty() {
            "has no record, so nobody finds it".to_owned()
        } else {
            format!("leads to {}", values.join(", "))
        };
        let fix = format!("point its record at {}", balancer.dns_name);
        let to = Subject::new(Kind::LoadBalancer, &self.spec.load_balancer.name);
        let host = Subject::new(Kind::Record, &self.spec.load_balancer.host);
        self.find(host, to, why, person(fix, []));
    }

    /// The way of a packet: subnets in the load balancer's network, and both ends' security groups letting the port through.
    pub(super) fn network(&mut self) {
        let Some(balancer) = &self.observed.load_balancer else {
            return;
        };
        for id in &self.spec.network.subnets {
            let why = match self.observed.subnets.get(id) {
                None => "is not there".to_owned(),
                Some(subnet) if subnet.vpc != balancer.vpc => {
                    format!(
                        "is in {}, the load balancer in {}",
                        subnet.vpc, balancer.vpc
                    )
                }
                Some(_) => continue,
            };
            let subnet = Subject::new(Kind::Subnet, id);
            let remedy = person("correct spec.network.subnets", [self.service()]);
            self.find(self.service(), subnet, why, remedy);
        }
        let mut tasks = Vec::new();
        for id in &self.spec.network.security_groups {
            match self.observed.security_groups.get(id) {
                Some(group) => tasks.push((id, group)),
                None => {
                    let group = Subject::new(Kind::SecurityGroup, id);
                    let remedy = person("correct spec.network.securityGroups", [self.service()]);
                    self.find(self.service(), group, "is not there", remedy);
                }
            }
        }
        let balancers: Vec<(&String, &SecurityGroup)> = balancer
            .security_groups
            .iter()
            .filter_map(|id| Some((id, self.observed.security_groups.get(id)?)))
            .collect();
        if tasks.is_empty() || balancers.is_empty() {
            return;
        }
        let port = self.spec.port;
        // An address range may hold the other end; which addresses that has is not known here.
        let through = |permissions: &[Permission], peers: &[(&String, &SecurityGroup)]| {
            permissions.iter().any(|permission| {
                let ranges = permission
                    .peers
                    .iter()
                    .filter(|peer| !peer.starts_with("sg-"));
                ranges
                    .chain(peers.iter().map(|(id, _)| *id))
                    .any(|peer| permission.admits(port, peer))
            })
        };
        let into = tasks
            .iter()
            .any(|(_, group)| through(&group.ingress, &balancers));
        let out = balancers
            .iter()
            .any(|(_, group)| through(&group.egress, &tasks));
        let (what, group) = match (into, out) {
            (true, true) => return,
            (false, _) => ("ingress", tasks.first()),
            (true, false) => ("egress", balancers.first()),
        };
        let Some((id, _)) = group else { return };
        let fix = format!("allow TCP {port} from the load balancer to the tasks in its {what}");
        let group = Subject::new(Kind::SecurityGroup, id);
        let why = format!("has no {what} for port {port}: probes and requests time out (504)");
        let remedy = person(fix, [self.service()]);
        self.find(self.target_group(), group, why, remedy);
    }
}

fn is_address(value: &str) -> bool {
    let hex = value.strip_prefix("0x").unwrap_or_default();
    hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_zero(value: &str) -> bool {
    is_address(value) && value.bytes().skip(2).all(|byte| byte == b'0')
}

/// A certificate's `*` stands for one label (RFC 6125, 6.4.3), unlike a listener rule's.
fn covers(domain: &str, host: &str) -> bool {
    match domain.strip_prefix("*.") {
        Some(rest) => host
            .split_once('.')
            .is_some_and(|(_, parent)| parent.eq_ignore_ascii_case(rest)),
        None => domain.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::{covers, is_address, is_zero};

    #[test]
    fn a_star_in_a_certificate_is_one_label() {
        let rows = [
            ("*.hokus.ai", "contracts.hokus.ai", true),
            ("contracts.hokus.ai", "Contracts.hokus.ai", true),
            ("*.hokus.ai", "a.contracts.hokus.ai", false),
            ("*.hokus.ai", "hokus.ai", false),
            ("hokus.ai", "contracts.hokus.ai", false),
        ];
        for (domain, host, expected) in rows {
            assert_eq!(covers(domain, host), expected, "{domain} {host}");
        }
    }

    #[test]
    fn only_forty_zeros_are_the_zero_address() {
        let zeros = "0".repeat(40);
        assert!(is_zero(&format!("0x{zeros}")));
        assert!(!is_zero("0x00000000000000000000000000000000000000aa"));
        assert!(!is_zero(&zeros) && !is_address(&zeros));
        assert!(!is_zero("0x") && !is_address("0x"));
    }
}
