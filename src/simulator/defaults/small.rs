//! Defaults of the services that have few: SSM, Logs, IAM, CloudWatch, ECR, SNS.

use super::{ABSENT, EMPTY, Filled, Row, rows};

const PUT_PARAMETER: &str =
    "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html";

pub(in crate::simulator) mod parameter {
    use super::*;

    const METADATA: &str = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterMetadata.html";

    rows! { "ssm", "parameter";
        TIER: Text = "Standard", "Tier", PUT_PARAMETER;
        DATA_TYPE: Text = "text", "DataType", PUT_PARAMETER;
        FIRST_VERSION: Count = 1, "Version", METADATA;
        @"Policies" = EMPTY, METADATA;
        @"KeyId" = ABSENT, METADATA;
        @"ARN" = Filled::Derived("arn:aws:ssm:{region}:{account}:parameter{Name}"), METADATA;
    }
}

pub(in crate::simulator) mod secure_parameter {
    use super::*;

    rows! { "ssm", "SecureString parameter";
        KEY: Text = "alias/aws/ssm", "KeyId", PUT_PARAMETER;
    }
}

pub(in crate::simulator) mod log_group {
    use super::*;

    const GROUP: &str =
        "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html";

    rows! { "logs", "log group";
        CLASS: Text = "STANDARD", "logGroupClass", GROUP;
        @"metricFilterCount" = Filled::Count(0), GROUP;
        @"storedBytes" = Filled::Count(0), GROUP;
        @"retentionInDays" = ABSENT, GROUP;
        @"arn" = Filled::Derived("arn:aws:logs:{region}:{account}:log-group:{logGroupName}:*"), GROUP;
        @"logGroupArn" = Filled::Derived("arn:aws:logs:{region}:{account}:log-group:{logGroupName}"), GROUP;
    }
}

pub(in crate::simulator) mod role {
    use super::*;

    const CREATE: &str = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html";

    rows! { "iam", "role";
        PATH: Text = "/", "Path", CREATE;
        SESSION_SECONDS: Count = 3600, "MaxSessionDuration", CREATE;
        @"Description" = ABSENT, CREATE;
        @"Tags" = ABSENT, CREATE;
        @"Arn" = Filled::Derived("arn:aws:iam::{account}:role/{RoleName}"), CREATE;
    }
}

pub(in crate::simulator) mod alarm {
    use super::*;

    const PUT: &str =
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html";
    const ALARM: &str =
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html";

    rows! { "cloudwatch", "metric alarm";
        ACTIONS_ENABLED: Boolean = true, "ActionsEnabled", PUT;
        MISSING_DATA: Text = "missing", "TreatMissingData", PUT;
        STATE: Text = "INSUFFICIENT_DATA", "StateValue", PUT;
        STATE_REASON: Text = "Unchecked: Initial alarm creation", "StateReason", ALARM;
        @"OKActions" = EMPTY, ALARM;
        @"AlarmActions" = EMPTY, ALARM;
        @"InsufficientDataActions" = EMPTY, ALARM;
        @"Dimensions" = EMPTY, ALARM;
        @"DatapointsToAlarm" = ABSENT, ALARM;
        @"AlarmDescription" = ABSENT, ALARM;
    }
}

pub(in crate::simulator) mod repository {
    use super::*;

    const CREATE: &str =
        "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html";
    const ENCRYPTION_DOC: &str = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_EncryptionConfiguration.html";

    rows! { "ecr", "repository";
        MUTABILITY: Text = "MUTABLE", "imageTagMutability", CREATE;
        SCAN_ON_PUSH: Boolean = false, "imageScanningConfiguration.scanOnPush", CREATE;
        ENCRYPTION: Text = "AES256", "encryptionConfiguration.encryptionType", ENCRYPTION_DOC;
        @"registryId" = Filled::Derived("{account}"), CREATE;
        @"repositoryUri" = Filled::Derived("{account}.dkr.ecr.{region}.amazonaws.com/{repositoryName}"), CREATE;
    }
}

pub(in crate::simulator) mod topic {
    use super::*;

    const ATTRIBUTES: &str =
        "https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html";

    rows! { "sns", "topic attributes";
        DISPLAY_NAME: Text = "", "DisplayName", ATTRIBUTES;
        @"Owner" = Filled::Derived("{account}"), ATTRIBUTES;
        @"SubscriptionsConfirmed" = Filled::Text("0"), ATTRIBUTES;
        @"SubscriptionsPending" = Filled::Text("0"), ATTRIBUTES;
        @"SubscriptionsDeleted" = Filled::Text("0"), ATTRIBUTES;
        @"DeliveryPolicy" = ABSENT, ATTRIBUTES;
    }
}
