//! The service, what it runs and by which roles: ECS, ECR, IAM.

use super::On::{
    Anything, Cluster, ContinuedDeployments, Repository, RoleOfRollouts, Roles, RolesOfTasks,
    Service, ServiceDeployments, ServiceRevisions, TaskDefinitions, Tasks,
};
use super::{Right, right};

pub(super) const RIGHTS: &[Right] = &[
    right(
        "ecr:BatchGetImage",
        Repository,
        "which processor and size the image is of",
    ),
    right(
        "ecr:DescribeImages",
        Repository,
        "whether the image is there, and its digest",
    ),
    right(
        "ecs:ContinueServiceDeployment",
        ContinuedDeployments,
        "a person's answer to a rollout that waits for one",
    ),
    right("ecs:CreateService", Service, "the service, the first time"),
    right(
        "ecs:DeleteService",
        Service,
        "the service of a unit that is destroyed",
    ),
    right(
        "ecs:DeregisterTaskDefinition",
        Anything,
        "the revisions of a unit that is destroyed",
    ),
    right(
        "ecs:DescribeClusters",
        Cluster,
        "whether the cluster is there",
    ),
    right(
        "ecs:DescribeServiceDeployments",
        ContinuedDeployments,
        "whether a rollout waits for a person",
    ),
    right(
        "ecs:DescribeServiceRevisions",
        ServiceRevisions,
        "which task definition the newest rollout is of",
    ),
    right(
        "ecs:DescribeServices",
        Service,
        "the service, its counts and its rollout",
    ),
    right(
        "ecs:DescribeTaskDefinition",
        Anything,
        "what the running revision says",
    ),
    right("ecs:DescribeTasks", Tasks, "why tasks of a rollout stopped"),
    right(
        "ecs:ListServiceDeployments",
        Service,
        "whether the newest rollout succeeded",
    ),
    right(
        "ecs:ListTaskDefinitions",
        Anything,
        "an older revision that already says what is wanted",
    ),
    right("ecs:ListTasks", Anything, "the tasks of a rollout"),
    right(
        "ecs:RegisterTaskDefinition",
        TaskDefinitions,
        "a new revision",
    ),
    right(
        "ecs:StopServiceDeployment",
        ServiceDeployments,
        "a rollout that cannot succeed turned back",
    ),
    right("ecs:TagResource", Service, "the owner's tag on the service"),
    right(
        "ecs:TagResource",
        TaskDefinitions,
        "the owner's tag on a revision",
    ),
    right(
        "ecs:UpdateService",
        Service,
        "another revision, count or setting",
    ),
    right("iam:CreateRole", Roles, "the two roles of the tasks"),
    right(
        "iam:DeleteRole",
        Roles,
        "the roles of a unit that is destroyed",
    ),
    right(
        "iam:DeleteRolePolicy",
        Roles,
        "a right of the tasks nobody wants any more",
    ),
    right(
        "iam:DetachRolePolicy",
        Roles,
        "a right of the tasks nobody wants any more",
    ),
    right("iam:GetRole", Roles, "the two roles, and whose they are"),
    right("iam:GetRolePolicy", Roles, "what the tasks may do"),
    right(
        "iam:ListAttachedRolePolicies",
        Roles,
        "what the tasks may do",
    ),
    right("iam:ListRolePolicies", Roles, "what the tasks may do"),
    right(
        "iam:PassRole",
        RolesOfTasks,
        "the two roles handed to ECS with a revision",
    ),
    right(
        "iam:PassRole",
        RoleOfRollouts,
        "the role by which ECS moves requests",
    ),
    right("iam:PutRolePolicy", Roles, "what the tasks may do"),
    right("iam:TagRole", Roles, "the owner's tag on the roles"),
    right(
        "iam:UpdateAssumeRolePolicy",
        Roles,
        "who may assume the roles put right",
    ),
];
