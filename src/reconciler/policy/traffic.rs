//! The way of a request to the tasks: load balancer, certificates, networks, names.

use super::On::{
    AnyTargetGroup, Anything, DiscoveryServices, HostedZones, Listener, ListenerRules, Namespaces,
    OwnedDiscoveryTags, TargetGroup,
};
use super::{Right, right};

pub(super) const RIGHTS: &[Right] = &[
    right(
        "acm:ListCertificates",
        Anything,
        "whether the listener's certificates are good",
    ),
    right(
        "ec2:DescribeSecurityGroups",
        Anything,
        "whether the load balancer reaches the tasks",
    ),
    right(
        "ec2:DescribeSubnets",
        Anything,
        "which zones and network the subnets are in",
    ),
    right(
        "elasticloadbalancing:AddTags",
        ListenerRules,
        "the owner's tag on the rule",
    ),
    right(
        "elasticloadbalancing:AddTags",
        TargetGroup,
        "the owner's tag on the target group",
    ),
    right(
        "elasticloadbalancing:CreateRule",
        Listener,
        "the host's rule",
    ),
    right(
        "elasticloadbalancing:CreateTargetGroup",
        TargetGroup,
        "the target group",
    ),
    right(
        "elasticloadbalancing:DeleteRule",
        ListenerRules,
        "a rule nobody wants any more",
    ),
    right(
        "elasticloadbalancing:DeleteTargetGroup",
        AnyTargetGroup,
        "a target group nobody wants any more, whatever its name",
    ),
    right(
        "elasticloadbalancing:DescribeListenerCertificates",
        Anything,
        "whether the host has a certificate",
    ),
    right(
        "elasticloadbalancing:DescribeListeners",
        Anything,
        "the load balancer's HTTPS listener",
    ),
    right(
        "elasticloadbalancing:DescribeLoadBalancers",
        Anything,
        "whether the load balancer is there",
    ),
    right(
        "elasticloadbalancing:DescribeRules",
        Anything,
        "the host's rule, and who else asks for the host",
    ),
    right(
        "elasticloadbalancing:DescribeTags",
        Anything,
        "whose the target group and the rules are",
    ),
    right(
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        Anything,
        "how long a leaving task may finish",
    ),
    right(
        "elasticloadbalancing:DescribeTargetGroups",
        Anything,
        "the target group and its health check",
    ),
    right(
        "elasticloadbalancing:DescribeTargetHealth",
        Anything,
        "how many tasks are healthy",
    ),
    right(
        "elasticloadbalancing:ModifyRule",
        ListenerRules,
        "the host's rule put right",
    ),
    right(
        "elasticloadbalancing:ModifyTargetGroup",
        TargetGroup,
        "the health check put right",
    ),
    right(
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        TargetGroup,
        "how long a leaving task may finish",
    ),
    right(
        "elasticloadbalancing:SetRulePriorities",
        ListenerRules,
        "the rule's priority put right",
    ),
    right(
        "route53:ListHostedZonesByName",
        Anything,
        "whether the host's zone is there",
    ),
    right(
        "route53:ListResourceRecordSets",
        HostedZones,
        "whether the host leads to the load balancer",
    ),
    right(
        "servicediscovery:CreateService",
        DiscoveryServices,
        "the private DNS name",
    ),
    right(
        "servicediscovery:CreateService",
        Namespaces,
        "the private DNS name",
    ),
    right(
        "servicediscovery:DeleteService",
        DiscoveryServices,
        "the private DNS name of a unit that is destroyed",
    ),
    right(
        "servicediscovery:ListNamespaces",
        Anything,
        "whether the namespace is there",
    ),
    right(
        "servicediscovery:ListServices",
        Anything,
        "the private DNS name and its record",
    ),
    right(
        "servicediscovery:ListTagsForResource",
        Anything,
        "whose the private DNS name is",
    ),
    right(
        "servicediscovery:TagResource",
        OwnedDiscoveryTags,
        "the owner's tag on the private DNS name",
    ),
    right(
        "servicediscovery:UpdateService",
        DiscoveryServices,
        "the record put right",
    ),
];
