//! Defaults of the services that have few: SSM, Logs, IAM.

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
