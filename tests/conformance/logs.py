"""CloudWatch Logs: groups, streams, events, filter patterns, metric filters."""

import time
from datetime import datetime, timedelta, UTC

HOUR = 3_600_000
DAY = 24 * HOUR


def now():
    return int(time.time() * 1000)


def drive(t):
    client = t.client("logs")
    groups(t, client)
    streams(t, client)
    events(t, client)
    batches(t, client)
    patterns(t, client)
    metric_filters(t, client)
    emitted(t, client)


def groups(t, client):
    name = "/unit/" + t.unique("group")
    client.create_log_group(logGroupName=name, tags={"unit": "contracts"})
    found = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    t.same("group: defaults", [found.get(key) for key in (
        "retentionInDays", "metricFilterCount", "storedBytes", "logGroupClass", "kmsKeyId")],
        [None, 0, 0, "STANDARD", None])
    t.same("group: two ARNs", [found["arn"], found["logGroupArn"] + ":*"], [found["logGroupArn"] + ":*"] * 2)
    client.put_retention_policy(logGroupName=name, retentionInDays=30)
    retention = lambda: client.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0].get("retentionInDays")
    t.same("group: retention", retention(), 30)
    client.delete_retention_policy(logGroupName=name)
    t.same("group: no retention", retention(), None)
    arn = found["logGroupArn"]
    client.tag_resource(resourceArn=arn, tags={"a": "1"})
    client.untag_resource(resourceArn=arn, tagKeys=["unit"])
    t.same("group: tags", client.list_tags_for_resource(resourceArn=arn)["tags"], {"a": "1"})
    client.tag_log_group(logGroupName=name, tags={"b": "2"})
    client.untag_log_group(logGroupName=name, tags=["a"])
    t.same("group: tags by the older names", client.list_tags_log_group(logGroupName=name)["tags"], {"b": "2"})
    others = [name + suffix for suffix in ("-b", "-c")]
    for other in others:
        client.create_log_group(logGroupName=other, logGroupClass="INFREQUENT_ACCESS")
    pages = client.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=name, PaginationConfig={"PageSize": 2})
    t.same("groups by page", [[each["logGroupName"] for each in page["logGroups"]] for page in pages],
           [[name, others[0]], [others[1]]])
    t.same("groups by part of the name", [each["logGroupName"] for each in client.describe_log_groups(
        logGroupNamePattern=name[6:] + "-C")["logGroups"]], [others[1]])
    t.same("groups by class", len(client.describe_log_groups(
        logGroupNamePrefix=name, logGroupClass="INFREQUENT_ACCESS")["logGroups"]), 2)
    client.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=True)
    t.refused("group: delete a protected one", "ValidationException", client.delete_log_group, logGroupName=name)
    client.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=False)
    t.refused("group: made twice", "ResourceAlreadyExistsException", client.create_log_group, logGroupName=name)
    t.refused("group: a name with a space", "InvalidParameterException", client.create_log_group, logGroupName="a b")
    t.refused("group: an unknown class", "InvalidParameterException", client.create_log_group, logGroupName=name + "x",
              logGroupClass="FANCY")
    t.refused("group: retention of 31 days", "InvalidParameterException", client.put_retention_policy, logGroupName=name,
              retentionInDays=31)
    t.refused("groups: a page of 51", "InvalidParameterException", client.describe_log_groups, limit=51)
    t.refused("groups: by prefix and part", "InvalidParameterException", client.describe_log_groups,
              logGroupNamePrefix="a", logGroupNamePattern="b")
    absent, absent_arn = name + "x", arn + "x"
    for wrong, call, arguments in [
        ("delete", client.delete_log_group, {"logGroupName": absent}),
        ("retention", client.put_retention_policy, {"logGroupName": absent, "retentionInDays": 1}),
        ("no retention", client.delete_retention_policy, {"logGroupName": absent}),
        ("tags", client.list_tags_for_resource, {"resourceArn": absent_arn}),
        ("tag", client.tag_resource, {"resourceArn": absent_arn, "tags": {"a": "1"}}),
        ("untag", client.untag_resource, {"resourceArn": absent_arn, "tagKeys": ["a"]}),
        ("older tags", client.list_tags_log_group, {"logGroupName": absent}),
        ("older tag", client.tag_log_group, {"logGroupName": absent, "tags": {"a": "1"}}),
        ("older untag", client.untag_log_group, {"logGroupName": absent, "tags": ["a"]}),
        ("protection", client.put_log_group_deletion_protection,
         {"logGroupIdentifier": absent, "deletionProtectionEnabled": True}),
        ("streams", client.describe_log_streams, {"logGroupName": absent}),
    ]:
        t.refused(f"group that is not there: {wrong}", "ResourceNotFoundException", call, **arguments)
    for each in [name, *others]:
        client.delete_log_group(logGroupName=each)


def streams(t, client):
    group = t.unique("streams")
    client.create_log_group(logGroupName=group)
    for name in ("b", "a", "c"):
        client.create_log_stream(logGroupName=group, logStreamName=name)
    start = now()
    for name, at in (("b", start - 2000), ("a", start - 1000)):
        client.put_log_events(logGroupName=group, logStreamName=name, logEvents=[{"timestamp": at, "message": name}])
    names = lambda **arguments: [each["logStreamName"] for each in client.describe_log_streams(
        logGroupName=group, **arguments)["logStreams"]]
    t.same("streams by name", names(), ["a", "b", "c"])
    t.same("streams by name, backwards", names(descending=True), ["c", "b", "a"])
    t.same("streams by their newest event", names(orderBy="LastEventTime", descending=True), ["a", "b", "c"])
    t.same("streams by prefix", names(logStreamNamePrefix="b"), ["b"])
    pages = client.get_paginator("describe_log_streams").paginate(logGroupName=group, PaginationConfig={"PageSize": 2})
    t.same("streams by page", [len(page["logStreams"]) for page in pages], [2, 1])
    stream = client.describe_log_streams(logGroupName=group, logStreamNamePrefix="b")["logStreams"][0]
    t.same("stream: its times", [stream["firstEventTimestamp"], stream["lastEventTimestamp"]], [start - 2000] * 2)
    t.same("stream: its ARN", stream["arn"].endswith(f":log-group:{group}:log-stream:b"), True)
    t.refused("streams: by time and prefix", "InvalidParameterException", client.describe_log_streams, logGroupName=group,
              orderBy="LastEventTime", logStreamNamePrefix="a")
    t.refused("stream: made twice", "ResourceAlreadyExistsException", client.create_log_stream, logGroupName=group,
              logStreamName="a")
    t.refused("stream: a name with a colon", "InvalidParameterException", client.create_log_stream, logGroupName=group,
              logStreamName="a:b")
    client.delete_log_stream(logGroupName=group, logStreamName="a")
    t.refused("stream: delete twice", "ResourceNotFoundException", client.delete_log_stream, logGroupName=group,
              logStreamName="a")
    client.delete_log_group(logGroupName=group)


def events(t, client):
    group, start = t.unique("events"), now() - 10_000
    client.create_log_group(logGroupName=group)
    for name in ("one", "two"):
        client.create_log_stream(logGroupName=group, logStreamName=name)
    in_one = dict(logGroupName=group, logStreamName="one")
    client.put_log_events(**in_one, logEvents=[{"timestamp": start + at, "message": f"line {at}"} for at in range(5)])
    client.put_log_events(logGroupName=group, logStreamName="two", logEvents=[{"timestamp": start + 2, "message": "other"}])
    messages = lambda reply: [each["message"] for each in reply["events"]]
    page = client.get_log_events(**in_one, limit=2, startFromHead=True)
    t.same("events: from the head", messages(page), ["line 0", "line 1"])
    page = client.get_log_events(**in_one, limit=2, startFromHead=True, nextToken=page["nextForwardToken"])
    t.same("events: forward", messages(page), ["line 2", "line 3"])
    back = client.get_log_events(**in_one, limit=2, nextToken=page["nextBackwardToken"])
    t.same("events: backward", messages(back), ["line 0", "line 1"])
    page = client.get_log_events(**in_one, startFromHead=True, nextToken=page["nextForwardToken"])
    end = client.get_log_events(**in_one, startFromHead=True, nextToken=page["nextForwardToken"])
    t.same("events: the end gives the same token", [messages(end), end["nextForwardToken"] == page["nextForwardToken"]],
           [[], True])
    t.same("events: the newest without a direction", messages(client.get_log_events(**in_one, limit=2)),
           ["line 3", "line 4"])
    t.same("events: from, and before", messages(client.get_log_events(
        **in_one, startTime=start + 1, endTime=start + 3)), ["line 1", "line 2"])
    found = lambda **arguments: client.filter_log_events(logGroupName=group, **arguments)
    t.same("filter: all streams by time", messages(found(endTime=start + 2)), ["line 0", "line 1", "line 2", "other"])
    t.same("filter: one stream", messages(found(logStreamNames=["two"])), ["other"])
    t.same("filter: by prefix", messages(found(logStreamNamePrefix="tw")), ["other"])
    t.same("filter: by pattern", messages(found(filterPattern='"line 3"')), ["line 3"])
    t.same("filter: the newest first", messages(found(startTime=start, startFromHead=False, limit=1)), ["line 4"])
    t.same("filter: an event has an id and a stream", [sorted(each) for each in found(logStreamNames=["two"])["events"]],
           [["eventId", "ingestionTime", "logStreamName", "message", "timestamp"]])
    pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 4})
    t.same("filter: by pages", [len(page["events"]) for page in pages], [4, 2])
    t.refused("filter: names and prefix", "InvalidParameterException", client.filter_log_events, logGroupName=group,
              logStreamNames=["two"], logStreamNamePrefix="tw")
    t.refused("filter: no pattern", "InvalidParameterException", client.filter_log_events, logGroupName=group,
              filterPattern="{ $.a }")
    t.refused("filter: no group", "ResourceNotFoundException", client.filter_log_events, logGroupName=group + "x")
    t.refused("events: a token never given", "InvalidParameterException", client.get_log_events, **in_one, nextToken="x")
    t.refused("events: no stream", "ResourceNotFoundException", client.get_log_events, logGroupName=group,
              logStreamName="three")
    client.delete_log_group(logGroupName=group)


def batches(t, client):
    group, at = t.unique("batches"), now()
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="s")
    into = dict(logGroupName=group, logStreamName="s")
    batch = lambda *times: [{"timestamp": each, "message": "m"} for each in times]
    put = lambda *times: client.put_log_events(**into, logEvents=batch(*times)).get("rejectedLogEventsInfo")
    t.same("batch: all accepted", put(at, at), None)
    t.same("batch: too old, too new", put(at - 15 * DAY, at, at + 3 * HOUR),
           {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2})
    client.put_retention_policy(logGroupName=group, retentionInDays=1)
    t.same("batch: older than the group keeps", put(at - 2 * DAY, at), {"expiredLogEventEndIndex": 1})
    client.delete_retention_policy(logGroupName=group)
    t.same("batch: a token of old is not heeded", "nextSequenceToken" in client.put_log_events(
        **into, logEvents=batch(at), sequenceToken="49"), True)
    for wrong, wrong_batch in {
        "out of order": batch(at, at - 1), "more than a day": batch(at - 25 * HOUR, at), "empty": [],
        "an empty message": [{"timestamp": at, "message": ""}],
        "more than 10,000": batch(*[at] * 10_001),
    }.items():
        t.refused(f"batch: {wrong}", "InvalidParameterException", client.put_log_events, **into, logEvents=wrong_batch)
    t.refused("batch: no stream", "ResourceNotFoundException", client.put_log_events, logGroupName=group,
              logStreamName="other", logEvents=batch(at))
    client.delete_log_group(logGroupName=group)


ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" {} 1534'


def patterns(t, client):
    test = lambda pattern, *messages: client.test_metric_filter(filterPattern=pattern, logEventMessages=list(messages))["matches"]
    numbers = lambda pattern, *messages: [each["eventNumber"] for each in test(pattern, *messages)]
    t.same("pattern: all terms", numbers("ERROR timeout", "ERROR timeout", "ERROR", "timeout ERROR"), [1, 3])
    t.same("pattern: any term", numbers("?ERROR ?WARN", "WARN", "INFO", "ERROR"), [1, 3])
    t.same("pattern: not a term", numbers("ERROR -retry", "ERROR", "ERROR retry"), [1])
    t.same("pattern: a phrase", numbers('"not found"', "not found", "found not"), [1])
    t.same("pattern: a regular expression", numbers("%5[0-9]{2}%", "503", "403"), [1])
    t.same("pattern: nothing matches all", numbers("", "a", "b"), [1, 2])
    # AWS's own example of TestMetricFilter.
    found = test("[ip, identity, user_id, timestamp, request, status_code, size]", ACCESS.format(200))
    t.same("pattern: fields by name", found[0]["extractedValues"], {
        "$ip": "127.0.0.1", "$identity": "-", "$user_id": "frank", "$timestamp": "10/Oct/2000:13:25:15 -0700",
        "$request": "GET /apache_pb.gif HTTP/1.0", "$status_code": "200", "$size": "1534"})
    t.same("pattern: a field that begins so", numbers("[..., status_code=4*, size]", ACCESS.format(200), ACCESS.format(404)), [2])
    selected = '{ $.level = "ERROR" && ($.status >= 500 || $.path = "/api/*") }'
    t.same("pattern: JSON", numbers(selected, '{"level":"ERROR","status":503}', '{"level":"ERROR","status":404,"path":"/api/x"}',
                                    '{"level":"ERROR","status":404,"path":"/"}', "ERROR 503"), [1, 2])
    t.same("pattern: JSON values", test("{ $.status > 1 }", '{"status":503}')[0]["extractedValues"], {"$.status": "503"})
    for wrong, pattern in {
        "an open bracket": "{ $.a = 1", "no operator": "{ $.a }", "text that is greater": '{ $.a > "x" }',
        "an open phrase": '"a', "an unquoted colon": "a:b", "two ellipses": "[..., a, ...]", "a bad expression": "%(%",
    }.items():
        t.refused(f"pattern: {wrong}", "InvalidParameterException", client.test_metric_filter, filterPattern=pattern,
                  logEventMessages=["m"])


def transformation(**changed):
    members = {"metricName": "errors", "metricNamespace": "Conformance", "metricValue": "1", **changed}
    return [{key: value for key, value in members.items() if value is not None}]


def metric_filters(t, client):
    group = t.unique("filtered")
    client.create_log_group(logGroupName=group)
    put = lambda name, pattern="ERROR", **changed: client.put_metric_filter(
        logGroupName=group, filterName=name, filterPattern=pattern, metricTransformations=transformation(**changed))
    put("b", defaultValue=0, unit="Count")
    put("a", "{ $.level = \"ERROR\" }", metricName="json", metricValue="$.ms", dimensions={"Path": "$.path"})
    found = client.describe_metric_filters(logGroupName=group)["metricFilters"]
    t.same("filters by name", [each["filterName"] for each in found], ["a", "b"])
    t.same("filter: read back", [found[1]["filterPattern"], found[1]["metricTransformations"], found[1]["logGroupName"]],
           ["ERROR", transformation(defaultValue=0.0, unit="Count"), group])
    t.same("filter: dimensions", found[0]["metricTransformations"][0]["dimensions"], {"Path": "$.path"})
    t.same("filters by prefix", [each["filterName"] for each in client.describe_metric_filters(
        logGroupName=group, filterNamePrefix="b")["metricFilters"]], ["b"])
    t.same("filters by metric", [each["filterName"] for each in client.describe_metric_filters(
        metricName="json", metricNamespace="Conformance")["metricFilters"]], ["a"])
    pages = client.get_paginator("describe_metric_filters").paginate(logGroupName=group, PaginationConfig={"PageSize": 1})
    t.same("filters by page", [len(page["metricFilters"]) for page in pages], [1, 1])
    t.same("group: counts its filters",
           client.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["metricFilterCount"], 2)
    put("b", "WARN")
    t.same("filter: replaced", client.describe_metric_filters(
        logGroupName=group, filterNamePrefix="b")["metricFilters"][0]["filterPattern"], "WARN")
    arguments = lambda pattern="ERROR", **changed: dict(
        logGroupName=group, filterName="c", filterPattern=pattern, metricTransformations=transformation(**changed))
    for wrong, refused in {
        "a bad pattern": arguments("{"), "a value that is no number": arguments(metricValue="many"),
        "a value from a pattern of terms": arguments(metricValue="$.ms"),
        "dimensions and a default": arguments("{ $.a = 1 }", dimensions={"A": "$.a"}, defaultValue=0),
        "four dimensions": arguments("{ $.a = 1 }", dimensions={name: "$.a" for name in "ABCD"}),
        "a metric with a dollar": arguments(metricName="$errors"), "an unknown unit": arguments(unit="Elephants"),
        "two transformations": {**arguments(), "metricTransformations": transformation() * 2},
        "a name with a colon": {**arguments(), "filterName": "a:b"},
    }.items():
        t.refused(f"filter: {wrong}", "InvalidParameterException", client.put_metric_filter, **refused)
    t.refused("metric filter: no group", "ResourceNotFoundException", client.put_metric_filter,
              **{**arguments(), "logGroupName": group + "x"})
    t.refused("filters: a metric without its namespace", "InvalidParameterException", client.describe_metric_filters,
              metricName="errors")
    t.refused("filters: no group", "ResourceNotFoundException", client.describe_metric_filters, logGroupName=group + "x")
    for number in range(98):
        put(f"many{number}")
    t.refused("filter: the hundred and first", "LimitExceededException", client.put_metric_filter, **arguments())
    client.delete_metric_filter(logGroupName=group, filterName="a")
    t.refused("filter: delete twice", "ResourceNotFoundException", client.delete_metric_filter, logGroupName=group,
              filterName="a")
    rare = t.unique("rare")
    client.create_log_group(logGroupName=rare, logGroupClass="INFREQUENT_ACCESS")
    t.refused("filter: of a group of the wrong class", "InvalidOperationException", client.put_metric_filter,
              **{**arguments(), "logGroupName": rare})
    for each in (group, rare):
        client.delete_log_group(logGroupName=each)


def emitted(t, client):
    group, namespace = t.unique("emitting"), t.unique("Emitted")
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="s")
    put = lambda name, pattern, **changed: client.put_metric_filter(
        logGroupName=group, filterName=name, filterPattern=pattern,
        metricTransformations=transformation(metricNamespace=namespace, metricName=name, **changed))
    put("errors", "ERROR", defaultValue=0, unit="Count")
    put("slow", "{ $.ms > 100 }", metricValue="$.ms", dimensions={"Path": "$.path"})
    at = now()
    logged = ["ERROR one", "fine", '{"ms": 250, "path": "/a"}', '{"ms": 150, "path": "/a"}',
              '{"ms": 500}', '{"ms": 50, "path": "/a"}']
    client.put_log_events(logGroupName=group, logStreamName="s", logEvents=[
        {"timestamp": at, "message": message} for message in logged])
    end = datetime.now(UTC) + timedelta(minutes=1)
    read = lambda name, dimensions: [
        [point[key] for key in ("SampleCount", "Sum")] for point in t.client("cloudwatch").get_metric_statistics(
            Namespace=namespace, MetricName=name, Dimensions=dimensions, StartTime=end - timedelta(minutes=5), EndTime=end,
            Period=300, Statistics=["SampleCount", "Sum"])["Datapoints"]]
    t.same("emitted: one for a match, the default for each other event", read("errors", []), [[6, 1]])
    t.same("emitted: values by dimension", read("slow", [{"Name": "Path", "Value": "/a"}]), [[2, 400]])
    t.same("emitted: nothing without the dimension", read("slow", []), [])
    client.delete_log_group(logGroupName=group)
