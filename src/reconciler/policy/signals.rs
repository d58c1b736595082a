//! What is seen of the unit and who hears of it: logs, alarms, dashboard, topic.

use super::On::{
    Alarms, Anything, Dashboard, LogGroup, LogGroupTags, LogStreams, OwnTopic, Subscriptions, Topic,
};
use super::{Right, right};

pub(super) const RIGHTS: &[Right] = &[
    right(
        "cloudwatch:DeleteAlarms",
        Alarms,
        "an alarm nobody wants any more",
    ),
    right(
        "cloudwatch:DeleteDashboards",
        Dashboard,
        "a dashboard nobody wants any more",
    ),
    right(
        "cloudwatch:DescribeAlarms",
        Anything,
        "every alarm of the unit in one listing",
    ),
    right("cloudwatch:GetDashboard", Dashboard, "the dashboard"),
    right(
        "cloudwatch:ListTagsForResource",
        Dashboard,
        "whose the dashboard is",
    ),
    right(
        "cloudwatch:ListTagsForResource",
        Alarms,
        "whose an alarm is",
    ),
    // A composite alarm cannot be made with a narrower right.
    // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>
    right(
        "cloudwatch:PutCompositeAlarm",
        Anything,
        "an alarm on alarms",
    ),
    right("cloudwatch:PutDashboard", Dashboard, "the dashboard"),
    right("cloudwatch:PutMetricAlarm", Alarms, "an alarm"),
    right(
        "cloudwatch:TagResource",
        Dashboard,
        "the owner's tag on the dashboard",
    ),
    right(
        "cloudwatch:TagResource",
        Alarms,
        "the owner's tag on an alarm",
    ),
    right("logs:CreateLogGroup", LogGroup, "the log group"),
    right(
        "logs:DeleteLogGroup",
        LogGroup,
        "the log group of a unit that is destroyed",
    ),
    right(
        "logs:DeleteMetricFilter",
        LogGroup,
        "a metric filter nobody wants any more",
    ),
    right(
        "logs:DescribeLogGroups",
        Anything,
        "the log group and its retention",
    ),
    right(
        "logs:DescribeMetricFilters",
        LogGroup,
        "what is counted in the log",
    ),
    right(
        "logs:GetLogEvents",
        LogStreams,
        "the last lines of a task that failed",
    ),
    right(
        "logs:ListTagsForResource",
        LogGroupTags,
        "whose the log group is",
    ),
    right(
        "logs:PutMetricFilter",
        LogGroup,
        "what is counted in the log",
    ),
    right(
        "logs:PutRetentionPolicy",
        LogGroup,
        "how long lines are kept",
    ),
    right(
        "logs:TagResource",
        LogGroupTags,
        "the owner's tag on the log group",
    ),
    right("sns:CreateTopic", OwnTopic, "the topic of the alarms"),
    right(
        "sns:DeleteTopic",
        OwnTopic,
        "the topic of a unit that is destroyed",
    ),
    right(
        "sns:ListSubscriptionsByTopic",
        Topic,
        "whether the topic is there, and who hears of alarms",
    ),
    right("sns:ListTagsForResource", Topic, "whose the topic is"),
    right("sns:Subscribe", OwnTopic, "who hears of alarms"),
    right("sns:TagResource", OwnTopic, "the owner's tag on the topic"),
    right(
        "sns:Unsubscribe",
        Subscriptions,
        "a subscription nobody wants any more",
    ),
];
