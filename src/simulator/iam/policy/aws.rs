//! AWS's own managed policies: those a unit uses, as AWS wrote them.

use super::View;
use crate::simulator::call::Millis;

/// A policy of AWS's own.
pub(super) struct AwsPolicy {
    path: &'static str,
    name: &'static str,
    id: &'static str,
    version: u32,
    /// Milliseconds since 1970.
    created: Millis,
    pub document: &'static str,
}

/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
pub(super) const AWS_POLICIES: [AwsPolicy; 4] = [
    AwsPolicy {
        path: "/",
        name: "AdministratorAccess",
        id: "ANPAIWMBCKSKIEE64ZLYK",
        version: 1,
        created: 1_423_247_986_000,
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    },
    AwsPolicy {
        path: "/",
        name: "AmazonEC2ContainerRegistryReadOnly",
        id: "ANPAIFYZPA37OOHVIH7KQ",
        version: 3,
        created: 1_450_717_414_000,
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:DescribeRepositories",
    "ecr:ListImages","ecr:DescribeImages","ecr:BatchGetImage","ecr:GetLifecyclePolicy","ecr:GetLifecyclePolicyPreview",
    "ecr:ListTagsForResource","ecr:DescribeImageScanFindings"],"Resource":"*"}]}"#,
    },
    AwsPolicy {
        path: "/",
        name: "AmazonSSMReadOnlyAccess",
        id: "ANPAJODSKQGGJTHRYZ5FC",
        version: 1,
        created: 1_432_921_783_000,
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:Describe*","ssm:Get*","ssm:List*"],
    "Resource":"*"}]}"#,
    },
    AwsPolicy {
        path: "/service-role/",
        name: "AmazonECSTaskExecutionRolePolicy",
        id: "ANPAJG4T4G4PV56DE72PY",
        version: 1,
        created: 1_510_858_102_000,
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","logs:CreateLogStream",
    "logs:PutLogEvents"],"Resource":"*"}]}"#,
    },
];

impl AwsPolicy {
    pub(super) fn view(&self) -> View<'_> {
        View {
            arn: format!("arn:aws:iam::aws:policy{}{}", self.path, self.name),
            name: self.name,
            path: self.path,
            id: self.id,
            description: None,
            created: self.created,
            updated: self.created,
            tags: None,
            default: self.version,
            versions: vec![(self.version, self.document, self.created)],
        }
    }
}
