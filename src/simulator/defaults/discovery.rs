//! Defaults of Cloud Map.

use super::{Filled, Row, rows};

pub(in crate::simulator) mod namespace {
    use super::*;

    const SOA: &str = "https://docs.aws.amazon.com/cloud-map/latest/api/API_SOA.html";

    rows! { "servicediscovery", "private DNS namespace";
        SOA_SECONDS: Count = 15, "Properties.DnsProperties.SOA.TTL", SOA;
        @"Properties.HttpProperties.HttpName" = Filled::Derived("{Name}"), SOA;
    }
}

pub(in crate::simulator) mod service {
    use super::*;

    const DNS: &str = "https://docs.aws.amazon.com/cloud-map/latest/api/API_DnsConfig.html";
    // "The default and the maximum value of this parameter is 1" whatever is asked.
    const CHECK: &str =
        "https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html";

    rows! { "servicediscovery", "service";
        ROUTING: Text = "MULTIVALUE", "DnsConfig.RoutingPolicy", DNS;
        FAILURE_THRESHOLD: Count = 1, "HealthCheckCustomConfig.FailureThreshold", CHECK;
        @"InstanceCount" = Filled::Count(0), DNS;
    }
}
