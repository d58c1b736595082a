"""CloudWatch: alarms of both kinds, their history, dashboards, metric data."""

import copy
import json
from datetime import datetime, timedelta, UTC

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session


def drive(t):
    client = t.client("cloudwatch")
    metric_alarms(t, client)
    metric_math(t, client)
    composite_alarms(t, client)
    dashboards(t, client)
    metric_data(t, client)
    protocols(t, client)


def alarm(name, **changed):
    arguments = dict(
        AlarmName=name, Namespace="AWS/ECS", MetricName="CPUUtilization", Statistic="Average", Period=60,
        EvaluationPeriods=3, Threshold=70.0, ComparisonOperator="GreaterThanThreshold",
        Dimensions=[{"Name": "ServiceName", "Value": name}],
    )
    arguments.update(changed)
    return {key: value for key, value in arguments.items() if value is not None}


def metric_alarms(t, client):
    name = t.unique("cpu")
    client.put_metric_alarm(**alarm(name, Tags=[{"Key": "unit", "Value": "contracts"}]))
    read = client.describe_alarms(AlarmNames=[name])
    found = read["MetricAlarms"][0]
    t.same("metric alarm: defaults", [found.get(key) for key in (
        "ActionsEnabled", "StateValue", "OKActions", "AlarmActions", "InsufficientDataActions", "Threshold",
        "DatapointsToAlarm",
    )], [True, "INSUFFICIENT_DATA", [], [], [], 70.0, None])
    t.same("metric alarm: missing data are read back as missing", found.get("TreatMissingData"), "missing")
    t.same("metric alarm: no unit, no description", [found.get("Unit"), found.get("AlarmDescription")], [None, None])
    arn = found["AlarmArn"]
    t.same("metric alarm: tags", client.list_tags_for_resource(ResourceARN=arn)["Tags"],
           [{"Key": "unit", "Value": "contracts"}])
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}])
    client.untag_resource(ResourceARN=arn, TagKeys=["unit"])
    t.same("metric alarm: tags changed", client.list_tags_for_resource(ResourceARN=arn)["Tags"],
           [{"Key": "a", "Value": "1"}])
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test", StateReasonData='{"a": 1}')
    client.put_metric_alarm(**alarm(name, Threshold=80.0, Statistic=None, ExtendedStatistic="p99"))
    found = client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    t.same("metric alarm: an update keeps the state", [
        found["Threshold"], found["StateValue"], found["StateReason"], found.get("ExtendedStatistic"),
        found.get("Statistic"),
    ], [80.0, "ALARM", "test", "p99", None])
    t.same("alarm history: newest first", [item["HistoryItemType"] for item in client.describe_alarm_history(
        AlarmName=name)["AlarmHistoryItems"]], ["ConfigurationUpdate", "StateUpdate", "ConfigurationUpdate"])
    item = client.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")["AlarmHistoryItems"][0]
    t.same("alarm history: a transition in words", item["HistorySummary"], "Alarm updated from INSUFFICIENT_DATA to ALARM")
    t.same("alarm history: a transition as data", json.loads(item["HistoryData"])["newState"]["stateValue"], "ALARM")
    page = client.describe_alarm_history(AlarmName=name, MaxRecords=1, ScanBy="TimestampAscending")
    rest = client.describe_alarm_history(AlarmName=name, ScanBy="TimestampAscending", NextToken=page["NextToken"])
    t.same("alarm history: pages", [len(page["AlarmHistoryItems"]), len(rest["AlarmHistoryItems"])], [1, 2])
    client.disable_alarm_actions(AlarmNames=[name])
    t.same("metric alarm: actions disabled",
           client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["ActionsEnabled"], False)
    client.enable_alarm_actions(AlarmNames=[name])
    t.same("metric alarm: actions enabled",
           client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["ActionsEnabled"], True)
    client.enable_alarm_actions(AlarmNames=[t.unique("absent")])
    t.same("alarms for a metric", [found["AlarmName"] for found in client.describe_alarms_for_metric(
        Namespace="AWS/ECS", MetricName="CPUUtilization", Dimensions=[{"Name": "ServiceName", "Value": name}],
    )["MetricAlarms"]], [name])
    t.same("alarms for a metric of other dimensions", client.describe_alarms_for_metric(
        Namespace="AWS/ECS", MetricName="CPUUtilization")["MetricAlarms"], [])
    t.same("alarms by state", [found["AlarmName"] for found in client.describe_alarms(
        AlarmNamePrefix=name, StateValue="ALARM")["MetricAlarms"]], [name])
    t.same("alarms by another state", client.describe_alarms(
        AlarmNamePrefix=name, StateValue="OK")["MetricAlarms"], [])
    topic = "arn:aws:sns:us-east-1:932100697590:topic"
    client.put_metric_alarm(**alarm(name, AlarmActions=[topic]))
    t.same("alarms by action", [found["AlarmName"] for found in client.describe_alarms(
        AlarmNamePrefix=name, ActionPrefix=topic)["MetricAlarms"]], [name])
    t.same("alarms by another action", client.describe_alarms(
        AlarmNamePrefix=name, ActionPrefix="arn:aws:lambda")["MetricAlarms"], [])

    for wrong, changed in {
        "period 7": dict(Period=7),
        "more than a day": dict(Period=300, EvaluationPeriods=289),
        "two statistics": dict(ExtendedStatistic="p99"),
        "no statistic": dict(Statistic=None),
        "no threshold": dict(Threshold=None),
        "more datapoints than periods": dict(DatapointsToAlarm=4),
        "an action that is no ARN": dict(AlarmActions=["topic"]),
        "unknown word for missing data": dict(TreatMissingData="perhaps"),
    }.items():
        t.refused(f"metric alarm: {wrong}", "ValidationError", client.put_metric_alarm, **alarm(name, **changed))
    t.refused("metric alarm: a statistic of no kind", "InvalidParameterValue", client.put_metric_alarm,
              **alarm(name, Statistic=None, ExtendedStatistic="q99"))
    absent = t.unique("absent")
    t.refused("set state of no alarm", "ResourceNotFound", client.set_alarm_state, http=404, AlarmName=absent,
              StateValue="OK", StateReason="r")
    t.refused("set an unknown state", "ValidationError", client.set_alarm_state, AlarmName=name, StateValue="FINE",
              StateReason="r")
    t.refused("state data that are not JSON", "InvalidFormat", client.set_alarm_state, AlarmName=name, StateValue="OK",
              StateReason="r", StateReasonData="{")
    t.refused("tags of no alarm", "ResourceNotFoundException", client.list_tags_for_resource, http=404,
              ResourceARN=arn + "x")
    t.refused("tag no alarm", "ResourceNotFoundException", client.tag_resource, http=404, ResourceARN=arn + "x",
              Tags=[{"Key": "a", "Value": "1"}])
    t.refused("untag no alarm", "ResourceNotFoundException", client.untag_resource, http=404, ResourceARN=arn + "x",
              TagKeys=["a"])
    t.refused("enable 101 alarms", "ValidationError", client.enable_alarm_actions, AlarmNames=["a"] * 101)
    t.refused("disable 101 alarms", "ValidationError", client.disable_alarm_actions, AlarmNames=["a"] * 101)
    t.refused("alarms for a metric: two statistics", "ValidationError", client.describe_alarms_for_metric,
              Namespace="n", MetricName="m", Statistic="Sum", ExtendedStatistic="p9")
    t.refused("alarms by names and prefix", "ValidationError", client.describe_alarms, AlarmNames=[name],
              AlarmNamePrefix="a")
    t.refused("alarms after a token never given", "InvalidNextToken", client.describe_alarms, NextToken="x")
    t.refused("history of an unknown kind", "ValidationError", client.describe_alarm_history, HistoryItemType="Other")
    t.refused("delete an alarm that is not there", "ResourceNotFound", client.delete_alarms, http=404,
              AlarmNames=[name, absent])
    t.same("the others are deleted all the same", client.describe_alarms(AlarmNames=[name])["MetricAlarms"], [])
    t.same("history outlives its alarm", client.describe_alarm_history(
        AlarmName=name, MaxRecords=1)["AlarmHistoryItems"][0]["HistorySummary"], f'Alarm "{name}" deleted')

    names = [t.unique("page") for _ in range(3)]
    for each in names:
        client.put_metric_alarm(**alarm(each))
    pages = list(client.get_paginator("describe_alarms").paginate(
        AlarmNames=names, PaginationConfig={"PageSize": 2}))
    t.same("alarms by pages", [len(page["MetricAlarms"]) for page in pages], [2, 1])
    client.delete_alarms(AlarmNames=names)


def metric_math(t, client):
    name = t.unique("ratio")
    stat = lambda key, metric: {"Id": key, "ReturnData": False, "MetricStat": {
        "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": metric}, "Period": 60, "Stat": "Sum"}}
    ratio = lambda expression, key="ratio": {"Id": key, "Expression": expression, "ReturnData": True}
    put = lambda *queries: dict(
        AlarmName=name, EvaluationPeriods=5, Threshold=5.0, ComparisonOperator="GreaterThanThreshold",
        Metrics=list(queries))
    errors, requests = stat("errors", "HTTPCode_Target_5XX_Count"), stat("requests", "RequestCount")
    client.put_metric_alarm(**put(errors, requests, ratio("100 * FILL(errors, 0) / requests")))
    found = client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    t.same("metric math alarm", [query.get("Expression") for query in found["Metrics"]],
           [None, None, "100 * FILL(errors, 0) / requests"])
    t.same("metric math alarm has no metric of its own", [found.get("MetricName"), found.get("Period")], [None, None])
    t.refused("metric math: a wrong expression", "ValidationError", client.put_metric_alarm,
              **put(errors, ratio("100 * / errors")))
    t.refused("metric math: an id that is not there", "ValidationError", client.put_metric_alarm,
              **put(errors, ratio("errors / requests")))
    t.refused("metric math: two results", "ValidationError", client.put_metric_alarm,
              **put(errors, ratio("errors"), ratio("errors * 2", "twice")))
    t.refused("metric math: a metric besides", "ValidationError", client.put_metric_alarm, MetricName="m", Namespace="n",
              **put(errors, ratio("errors")))
    client.delete_alarms(AlarmNames=[name])


def composite_alarms(t, client):
    one, two, both, above = (t.unique(prefix) for prefix in ("one", "two", "both", "above"))
    for name in (one, two):
        client.put_metric_alarm(**alarm(name))
        client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="r")
    rule = f'ALARM("{one}") AND ALARM({two})'
    client.put_composite_alarm(AlarmName=both, AlarmRule=rule, AlarmDescription="d", ActionsSuppressor=two,
                               ActionsSuppressorWaitPeriod=60, ActionsSuppressorExtensionPeriod=0,
                               Tags=[{"Key": "unit", "Value": "contracts"}])
    t.same("a composite alarm is described when asked for only",
           client.describe_alarms(AlarmNames=[both])["CompositeAlarms"], [])
    composite = lambda name: client.describe_alarms(
        AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
    found = composite(both)
    t.same("composite alarm", [found.get(key) for key in (
        "AlarmRule", "AlarmDescription", "ActionsEnabled", "ActionsSuppressor", "ActionsSuppressorWaitPeriod",
        "ActionsSuppressorExtensionPeriod",
    )], [rule, "d", True, two, 60, 0])
    t.same("composite alarm: its rule is evaluated at once", found["StateValue"], "OK")
    t.same("composite alarm: tags", client.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"],
           [{"Key": "unit", "Value": "contracts"}])
    client.put_composite_alarm(AlarmName=above, AlarmRule=f"AT_LEAST(1, ALARM, ({found['AlarmArn']}))")
    for name in (one, two):
        client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="r")
    t.same("composite alarms follow their children", [composite(both)["StateValue"], composite(above)["StateValue"]],
           ["ALARM", "ALARM"])
    t.same("composite alarm: why", f"alarm:{two} transitioned to ALARM at " in composite(both)["StateReason"], True)
    t.same("composite alarm: history", [item["HistorySummary"] for item in client.describe_alarm_history(
        AlarmName=both, AlarmTypes=["CompositeAlarm"], HistoryItemType="StateUpdate")["AlarmHistoryItems"]],
        ["Alarm updated from OK to ALARM", "Alarm updated from INSUFFICIENT_DATA to OK"])
    children = client.describe_alarms(ChildrenOfAlarmName=both)["MetricAlarms"]
    t.same("children", [child["AlarmName"] for child in children], sorted([one, two]))
    t.same("children have a state and no threshold", [children[0]["StateValue"], children[0].get("Threshold")],
           ["ALARM", None])
    parents = client.describe_alarms(ParentsOfAlarmName=one)["CompositeAlarms"]
    t.same("parents", [(parent["AlarmName"], parent.get("StateValue")) for parent in parents], [(both, None)])
    t.refused("children and more", "ValidationError", client.describe_alarms, ChildrenOfAlarmName=both, AlarmNamePrefix="a")

    for wrong, text in {
        "no expression": "one", "an unknown function": f"WARN({one})", "an open bracket": f"(ALARM({one})",
        "an alarm that is not there": f"ALARM({t.unique('absent')})", "too many of too few": f"AT_LEAST(2, OK, ({one}))",
    }.items():
        t.refused(f"composite alarm: {wrong}", "ValidationError", client.put_composite_alarm, AlarmName=t.unique("no"),
                  AlarmRule=text)
    t.refused("composite alarm: a suppressor that is not there", "ValidationError", client.put_composite_alarm,
              AlarmName=t.unique("no"), AlarmRule="TRUE", ActionsSuppressor=t.unique("absent"),
              ActionsSuppressorWaitPeriod=1, ActionsSuppressorExtensionPeriod=1)
    t.refused("composite alarm: a suppressor without its periods", "ValidationError", client.put_composite_alarm,
              AlarmName=t.unique("no"), AlarmRule="TRUE", ActionsSuppressor=one)
    t.refused("delete a child", "ValidationError", client.delete_alarms, AlarmNames=[one])
    t.refused("delete two composite alarms", "ValidationError", client.delete_alarms, AlarmNames=[both, above])
    client.put_composite_alarm(AlarmName=both, AlarmRule=f"ALARM({above})")
    t.refused("delete from a cycle", "ValidationError", client.delete_alarms, AlarmNames=[both])
    client.put_composite_alarm(AlarmName=both, AlarmRule="FALSE")
    t.same("a rule that became false", composite(both)["StateValue"], "OK")
    for names in ([above], [both], [one, two]):
        client.delete_alarms(AlarmNames=names)


def dashboards(t, client):
    name = t.unique("dashboard")
    widget = lambda **changed: {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
        "region": "us-east-1", "metrics": [["AWS/ECS", "CPUUtilization"]], "period": 60}, **changed}
    body = lambda *widgets: json.dumps({"widgets": list(widgets)}, indent=1)
    t.same("dashboard: put", client.put_dashboard(
        DashboardName=name, DashboardBody=body(widget()))["DashboardValidationMessages"], [])
    found = client.get_dashboard(DashboardName=name)
    t.same("dashboard: read back as written", found["DashboardBody"], body(widget()))
    t.same("dashboard: its ARN has no region", found["DashboardArn"].split(":")[2:4], ["cloudwatch", ""])
    text = {"type": "text", "width": 24, "height": 1, "properties": {"markdown": "# hello"}}
    odd = widget(properties={"region": "us-east-1", "metrics": [["a", "b"]], "view": "cube"})
    put = client.put_dashboard(DashboardName=name, DashboardBody=body(text, odd))
    t.same("dashboard: accepted with a message", [
        message["DataPath"] for message in put["DashboardValidationMessages"]], ["/widgets/1/properties/view"])
    entry = client.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"][0]
    t.same("dashboard: listed", [entry["DashboardName"], entry["Size"]], [name, len(body(text, odd))])
    client.tag_resource(ResourceARN=found["DashboardArn"], Tags=[{"Key": "a", "Value": "1"}])
    t.same("dashboard: tags", client.list_tags_for_resource(ResourceARN=found["DashboardArn"])["Tags"],
           [{"Key": "a", "Value": "1"}])
    for wrong, bad in {
        "not JSON": "{", "a list": "[]", "no widgets": "{}", "an unknown type": body(widget(type="cube")),
        "no properties": body({"type": "text"}), "text without markdown": body({"type": "text", "properties": {}}),
        "no region": body(widget(properties={"metrics": [["a", "b"]]})), "too wide": body(widget(width=25)),
        "period 7": body(widget(properties={"region": "us-east-1", "metrics": [["a", "b"]], "period": 7})),
    }.items():
        t.refused(f"dashboard: {wrong}", "InvalidParameterInput", client.put_dashboard, DashboardName=name,
                  DashboardBody=bad)
    t.refused("dashboard: a name with a space", "InvalidParameterInput", client.put_dashboard, DashboardName="a b",
              DashboardBody=body())
    try:
        client.put_dashboard(DashboardName=name, DashboardBody=body({"type": "text", "properties": {}}))
    except ClientError as error:
        message = error.response["Error"]["Message"]
        t.same("dashboard: the refusal names the place", '"dataPath": "/widgets/0/properties"' in message, True)
    t.refused("dashboards after a token never given", "InvalidParameterValue", client.list_dashboards, NextToken="x")
    t.refused("delete 101 dashboards", "InvalidParameterValue", client.delete_dashboards, DashboardNames=["a"] * 101)
    client.delete_dashboards(DashboardNames=[name])
    t.refused("dashboard: read a deleted one", "ResourceNotFound", client.get_dashboard, http=404, DashboardName=name)
    t.same("dashboard: deleting what is not there is no error",
           client.delete_dashboards(DashboardNames=[name])["ResponseMetadata"]["HTTPStatusCode"], 200)


def metric_data(t, client):
    namespace = t.unique("Conformance")
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    at = lambda minutes: now - timedelta(minutes=minutes)
    dimensions = [{"Name": "Service", "Value": "contracts"}]
    put = lambda *data: client.put_metric_data(Namespace=namespace, MetricData=list(data))
    datum = lambda **members: {"MetricName": "latency", "Dimensions": dimensions, "Unit": "Milliseconds", **members}
    put(datum(Timestamp=at(10), Value=10.0), datum(Timestamp=at(10), Value=20.0),
        datum(Timestamp=at(5), Values=[1.0, 2.0], Counts=[3.0, 1.0]),
        datum(Timestamp=at(4), StatisticValues={"SampleCount": 2, "Sum": 30, "Minimum": 10, "Maximum": 20}),
        {"MetricName": "requests", "Timestamp": at(5), "Value": 4.0})
    window = dict(StartTime=at(12), EndTime=now)
    asked = lambda **changed: {**dict(
        Namespace=namespace, MetricName="latency", Dimensions=dimensions, Period=60,
        Statistics=["SampleCount", "Sum", "Minimum", "Maximum", "Average"], **window), **changed}
    statistics = lambda **changed: client.get_metric_statistics(**asked(**changed))
    points = sorted(statistics()["Datapoints"], key=lambda point: point["Timestamp"])
    t.same("statistics of values, counted values and a set", [
        [point[key] for key in ("SampleCount", "Sum", "Minimum", "Maximum", "Average")] for point in points],
        [[2, 30, 10, 20, 15], [4, 5, 1, 2, 1.25], [2, 30, 10, 20, 15]])
    t.same("statistics have a unit and begin with the minute", [points[0]["Unit"], points[0]["Timestamp"]],
           ["Milliseconds", at(10)])
    t.same("statistics of ten minutes", [point["Sum"] for point in statistics(Period=720)["Datapoints"]], [65])
    t.same("statistics in another unit", statistics(Unit="Seconds")["Datapoints"], [])
    t.same("statistics of other dimensions", statistics(Dimensions=[])["Datapoints"], [])
    extended = sorted(statistics(Statistics=["Sum"], ExtendedStatistics=["p50", "p100"], EndTime=at(4))["Datapoints"],
                      key=lambda point: point["Timestamp"])
    t.same("percentiles", [point["ExtendedStatistics"] for point in extended],
           [{"p50": 10.0, "p100": 20.0}, {"p50": 1.0, "p100": 2.0}])
    t.refused("statistics: period 7", "InvalidParameterValue", client.get_metric_statistics, **asked(Period=7))
    t.refused("statistics: end before start", "InvalidParameterValue", client.get_metric_statistics,
              **asked(EndTime=at(13)))
    t.refused("statistics: none asked for", "InvalidParameterCombination", client.get_metric_statistics, Namespace=namespace,
              MetricName="latency", Period=60, **window)
    t.refused("statistics: more than 1440 points", "InvalidParameterCombination", client.get_metric_statistics,
              **asked(StartTime=at(1500)))

    stat = lambda key, metric="latency", **members: {"Id": key, "MetricStat": {
        "Metric": {"Namespace": namespace, "MetricName": metric,
                   "Dimensions": dimensions if metric == "latency" else []}, "Period": 60, "Stat": "Sum"}, **members}
    data = lambda *queries, **more: client.get_metric_data(MetricDataQueries=list(queries), **{**window, **more})
    read = data(stat("m1"), stat("m2", "requests"), {"Id": "e1", "Expression": "m1 / m2", "Label": "each"})
    t.same("metric data: newest first", [result["Values"] for result in read["MetricDataResults"]],
           [[30, 5, 30], [4], [1.25]])
    t.same("metric data: labels and status", [
        (result["Label"], result["StatusCode"]) for result in read["MetricDataResults"]],
        [("latency", "Complete"), ("requests", "Complete"), ("each", "Complete")])
    t.same("metric data: oldest first, one not returned", [result["Id"] for result in data(
        stat("m1", ReturnData=False), {"Id": "e1", "Expression": "m1 * 2"}, ScanBy="TimestampAscending",
    )["MetricDataResults"]], ["e1"])
    page = data(stat("m1"), MaxDatapoints=2)
    rest = data(stat("m1"), MaxDatapoints=2, NextToken=page["NextToken"])
    t.same("metric data: by pages", [page["MetricDataResults"][0]["Values"], rest["MetricDataResults"][0]["Values"],
                                     rest.get("NextToken")], [[30, 5], [30], None])
    t.same("metric data: none", data(stat("m1", "absent"))["MetricDataResults"][0]["Values"], [])
    for wrong, queries in {
        "an id in capitals": [stat("M1")], "one id twice": [stat("m1"), stat("m1")],
        "an unknown statistic": [{**stat("m1"), "MetricStat": {**stat("m1")["MetricStat"], "Stat": "Middle"}}],
        "a wrong expression": [stat("m1"), {"Id": "e1", "Expression": "m1 +"}],
        "an unknown id": [{"Id": "e1", "Expression": "m1 + 1"}], "a number": [{"Id": "e1", "Expression": "1 + 1"}],
        "a circle": [{"Id": "e1", "Expression": "e2 + 1"}, {"Id": "e2", "Expression": "e1 + 1"}],
        "neither statistic nor expression": [{"Id": "m1"}],
    }.items():
        t.refused(f"metric data: {wrong}", "ValidationError", client.get_metric_data, MetricDataQueries=queries, **window)
    t.refused("metric data: end before start", "ValidationError", client.get_metric_data, MetricDataQueries=[stat("m1")],
              StartTime=now, EndTime=at(1))
    t.refused("metric data: a token never given", "InvalidNextToken", client.get_metric_data,
              MetricDataQueries=[stat("m1")], NextToken="x", **window)

    listed = lambda **arguments: [found["MetricName"] for found in client.list_metrics(
        Namespace=namespace, **arguments)["Metrics"]]
    t.same("metrics", sorted(listed()), ["latency", "requests"])
    t.same("metrics by dimension", listed(Dimensions=[{"Name": "Service"}]), ["latency"])
    t.same("metrics by name, lately", listed(MetricName="requests", RecentlyActive="PT3H"), ["requests"])
    put({"MetricName": "old", "Timestamp": now - timedelta(days=1), "Value": 1.0})
    t.same("metrics of yesterday", listed(MetricName="old", RecentlyActive="PT3H"), [])
    for number in range(501):
        if number % 250 == 0:
            put(*({"MetricName": f"many{each:03}", "Value": 1.0} for each in range(number, min(number + 250, 501))))
    first = client.list_metrics(Namespace=namespace)
    t.same("metrics: 500 a page", [len(first["Metrics"]), len(client.list_metrics(
        Namespace=namespace, NextToken=first["NextToken"])["Metrics"])], [500, 4])

    t.refused("metrics after a token never given", "InvalidParameterValue", client.list_metrics, NextToken="x")
    for wrong, (code, members) in {
        "no value": ("MissingParameter", {}),
        "value and a set": ("InvalidParameterCombination", dict(Value=1.0, StatisticValues={
            "SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1})),
        "value and values": ("InvalidParameterValue", dict(Value=1.0, Values=[1.0])),
        "not a number": ("InvalidParameterValue", dict(Value=float("nan"))),
        "beyond 2^360": ("InvalidParameterValue", dict(Value=2.0**361)),
        "fewer counts than values": ("InvalidParameterValue", dict(Values=[1.0, 2.0], Counts=[1.0])),
        "151 values": ("InvalidParameterValue", dict(Values=[1.0] * 151)),
        "15 days ago": ("InvalidParameterValue", dict(Value=1.0, Timestamp=now - timedelta(days=15))),
        "in three hours": ("InvalidParameterValue", dict(Value=1.0, Timestamp=now + timedelta(hours=3))),
        "an unknown unit": ("InvalidParameterValue", dict(Value=1.0, Unit="Elephants")),
        "a resolution of 7": ("InvalidParameterValue", dict(Value=1.0, StorageResolution=7)),
        "31 dimensions": ("InvalidParameterValue", dict(Value=1.0, Dimensions=[
            {"Name": f"d{number}", "Value": "v"} for number in range(31)])),
    }.items():
        t.refused(f"put metric data: {wrong}", code, client.put_metric_data, Namespace=namespace,
                  MetricData=[datum(**members)])
    t.refused("put metric data: AWS's namespace", "InvalidParameterValue", client.put_metric_data, Namespace="AWS/ECS",
              MetricData=[datum(Value=1.0)])
    t.refused("put metric data: 1001", "InvalidParameterValue", client.put_metric_data, Namespace=namespace,
              MetricData=[datum(Value=1.0)] * 1001)


def speaking(t, protocol):
    """A client of one protocol only: left to itself botocore takes the first it likes."""
    session = Session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model

    def load_one(service, kind, api_version=None):
        model = load(service, kind, api_version)
        if kind == "service-2" and service == "cloudwatch":
            model = copy.deepcopy(model)
            model["metadata"].update(protocol=protocol, protocols=[protocol])
        return model

    loader.load_service_model = load_one
    credentials = t.client("cloudwatch")._request_signer._credentials
    return session.create_client(
        "cloudwatch", region_name="us-east-1", endpoint_url=t.endpoint, aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key, config=Config(retries={"total_max_attempts": 1}))


def protocols(t, client):
    """Rust's SDK speaks CBOR, boto3 JSON, older clients Query: all read the same."""
    namespace, name = t.unique("Protocols"), t.unique("protocol")
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    client.put_metric_data(Namespace=namespace, MetricData=[
        {"MetricName": "m", "Timestamp": minute - timedelta(minutes=2), "Values": [1.0, 2.5]}])
    client.put_metric_alarm(**alarm(name))
    client.put_composite_alarm(AlarmName=name + "-above", AlarmRule=f"ALARM({name})")
    window = dict(StartTime=minute - timedelta(minutes=5), EndTime=minute)

    reads = (
        lambda each: each.get_metric_statistics(Namespace=namespace, MetricName="m", Period=60, Statistics=["Sum"],
                                                ExtendedStatistics=["p50"], **window),
        lambda each: each.get_metric_data(MetricDataQueries=[{"Id": "m1", "MetricStat": {
            "Metric": {"Namespace": namespace, "MetricName": "m"}, "Period": 60, "Stat": "Sum"}}], **window),
        lambda each: each.describe_alarms(AlarmNamePrefix=name, AlarmTypes=["MetricAlarm", "CompositeAlarm"]),
        lambda each: each.describe_alarm_history(AlarmName=name),
        lambda each: each.list_metrics(Namespace=namespace),
    )
    json_client, cbor, query = (speaking(t, protocol) for protocol in ("json", "smithy-rpc-v2-cbor", "query"))
    t.same("CBOR reads as JSON does", [plain(one(cbor)) for one in reads], [plain(one(json_client)) for one in reads])
    t.same("Query reads as JSON does", [plain(one(query)) for one in reads], [plain(one(json_client)) for one in reads])
    client.delete_alarms(AlarmNames=[name + "-above"])
    client.delete_alarms(AlarmNames=[name])


def plain(reply):
    """Without what is of the protocol; a time counts by its instant, an empty list is none."""
    if isinstance(reply, dict):
        members = {key: plain(value) for key, value in reply.items() if key != "ResponseMetadata"}
        return {key: value for key, value in members.items() if value != []}
    if isinstance(reply, list):
        return [plain(value) for value in reply]
    return reply.timestamp() if isinstance(reply, datetime) else reply
