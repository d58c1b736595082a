"""SNS: a topic, its subscribers, what is published."""

import json
from http.client import HTTPConnection


def report(t):
    """What the simulator tells besides AWS's API; None of another endpoint."""
    connection = HTTPConnection(t.endpoint.removeprefix("http://"), timeout=5)
    connection.request("GET", "/_simulator/messages")
    reply = connection.getresponse()
    return json.loads(reply.read()) if reply.status == 200 else None


def drive(t):
    client = t.client("sns")
    name = t.unique("alarms")
    tags = [{"Key": "app", "Value": "contracts"}]
    arn = client.create_topic(Name=name, Attributes={"DisplayName": "Alarms"}, Tags=tags)["TopicArn"]
    t.same("the ARN is of the name", arn, f"arn:aws:sns:us-east-1:{t.account['id']}:{name}")

    # Creation once more.
    t.same("the same topic again", client.create_topic(Name=name)["TopicArn"], arn)
    t.same("the same attributes again",
           client.create_topic(Name=name, Attributes={"DisplayName": "Alarms"}, Tags=tags)["TopicArn"], arn)
    t.refused("other attributes", "InvalidParameter", client.create_topic, http=400, Name=name,
              Attributes={"DisplayName": "Other"})
    t.refused("other tags", "InvalidParameter", client.create_topic, Name=name, Tags=[{"Key": "app", "Value": "x"}])
    t.refused("a name with a space", "InvalidParameter", client.create_topic, Name="a b")
    t.refused("an unknown attribute", "InvalidParameter", client.create_topic, Name=t.unique("attribute"),
              Attributes={"Colour": "red"})

    # Attributes.
    attributes = client.get_topic_attributes(TopicArn=arn)["Attributes"]
    t.same("attributes AWS fills in", sorted(attributes), [
        "DisplayName", "EffectiveDeliveryPolicy", "Owner", "Policy", "SubscriptionsConfirmed", "SubscriptionsDeleted",
        "SubscriptionsPending", "TopicArn"])
    statement = json.loads(attributes["Policy"])["Statement"][0]
    t.same("the default policy is for the owner",
           (statement["Resource"], statement["Condition"]), (arn, {"StringEquals": {"AWS:SourceOwner": t.account["id"]}}))
    retry = json.loads(attributes["EffectiveDeliveryPolicy"]).get("http", {}).get("defaultHealthyRetryPolicy", {})
    t.same("the default retries", [retry.get(key) for key in ("numRetries", "minDelayTarget", "backoffFunction")],
           [3, 20, "linear"])
    client.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="A <b> & c")
    t.same("an attribute set", client.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"], "A <b> & c")
    t.refused("an attribute nobody has", "InvalidParameter", client.set_topic_attributes, TopicArn=arn,
              AttributeName="Colour", AttributeValue="red")
    t.refused("a policy that is none", "InvalidParameter", client.set_topic_attributes, TopicArn=arn,
              AttributeName="Policy", AttributeValue="{")
    absent = arn.replace(name, "absent")
    t.refused("no such topic", "NotFound", client.get_topic_attributes, http=404, TopicArn=absent)
    t.refused("no ARN", "InvalidParameter", client.get_topic_attributes, TopicArn="topic")

    # Messages.
    sent = client.publish(TopicArn=arn, Subject="ALARM", Message="too slow",
                          MessageAttributes={"severity": {"DataType": "String", "StringValue": "page"}})
    t.same("a message has an id", len(sent["MessageId"]), 36)
    if told := report(t):
        t.same("the simulator keeps it",
               [(one["subject"], one["message"]) for one in told["messages"] if one["id"] == sent["MessageId"]],
               [("ALARM", "too slow")])
    t.refused("an empty message", "InvalidParameter", client.publish, TopicArn=arn, Message="")
    t.refused("to nobody", "NotFound", client.publish, TopicArn=absent, Message="x")
    t.refused("too long a subject", "InvalidParameter", client.publish, TopicArn=arn, Message="x", Subject="x" * 101)
    t.refused("too long a message", "InvalidParameter", client.publish, TopicArn=arn, Message="x" * (256 * 1024 + 1))
    t.refused("a structure without a default", "InvalidParameter", client.publish, TopicArn=arn,
              Message='{"email":"x"}', MessageStructure="json")

    # Subscriptions.
    pending = client.subscribe(TopicArn=arn, Protocol="email", Endpoint="ops@hokus.ai")["SubscriptionArn"]
    t.same("a person must confirm", pending, "pending confirmation")
    queue = f"arn:aws:sqs:us-east-1:{t.account['id']}:alarms"
    filtered = {"RawMessageDelivery": "true"}
    sqs = client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=filtered)["SubscriptionArn"]
    t.same("a queue need not", sqs.rsplit(":", 1)[0], arn)
    t.same("subscribed once only",
           client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes=filtered)["SubscriptionArn"], sqs)
    web = client.subscribe(TopicArn=arn, Protocol="https", Endpoint="https://hooks.hokus.ai/x",
                           ReturnSubscriptionArn=True)["SubscriptionArn"]
    t.same("an ARN when it is asked for", web.rsplit(":", 1)[0], arn)
    t.refused("the same with other attributes", "InvalidParameter", client.subscribe, TopicArn=arn, Protocol="sqs",
              Endpoint=queue, Attributes={"RawMessageDelivery": "false"})
    t.refused("a protocol nobody speaks", "InvalidParameter", client.subscribe, TopicArn=arn, Protocol="pigeon",
              Endpoint="x")
    t.refused("a URL of another protocol", "InvalidParameter", client.subscribe, TopicArn=arn, Protocol="https",
              Endpoint="http://x")
    t.refused("an address that is none", "InvalidParameter", client.subscribe, TopicArn=arn, Protocol="email",
              Endpoint="nobody")
    t.refused("a subscription to nothing", "NotFound", client.subscribe, TopicArn=absent, Protocol="sqs",
              Endpoint=queue)
    listed = client.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    t.same("a pending one has no ARN in a list", sorted((one["Protocol"], one["SubscriptionArn"]) for one in listed),
           [("email", "PendingConfirmation"), ("https", "PendingConfirmation"), ("sqs", sqs)])
    t.same("and all of all topics", sqs in [one["SubscriptionArn"] for one in client.list_subscriptions()["Subscriptions"]],
           True)
    t.refused("subscriptions of nothing", "NotFound", client.list_subscriptions_by_topic, TopicArn=absent)
    t.refused("a token that no page gave", "InvalidParameter", client.list_subscriptions, NextToken="x")
    counts = client.get_topic_attributes(TopicArn=arn)["Attributes"]
    t.same("the topic counts them", (counts["SubscriptionsPending"], counts["SubscriptionsConfirmed"]), ("2", "1"))

    # Confirmation.
    told = report(t) or {"unconfirmed": []}
    token = {one["protocol"]: one["token"] for one in told["unconfirmed"] if one["topic"] == arn}.get("https", "x")
    t.refused("a token nobody was sent", "InvalidParameter", client.confirm_subscription, TopicArn=arn, Token="wrong")
    t.same("confirmed", client.confirm_subscription(TopicArn=arn, Token=token)["SubscriptionArn"], web)
    t.same("twice is as good", client.confirm_subscription(TopicArn=arn, Token=token)["SubscriptionArn"], web)

    # A subscription's attributes.
    read = client.get_subscription_attributes(SubscriptionArn=sqs)["Attributes"]
    t.same("attributes of a queue's",
           {key: read[key] for key in ("Protocol", "Endpoint", "RawMessageDelivery", "PendingConfirmation", "TopicArn")},
           {"Protocol": "sqs", "Endpoint": queue, "RawMessageDelivery": "true", "PendingConfirmation": "false",
            "TopicArn": arn})
    client.set_subscription_attributes(SubscriptionArn=sqs, AttributeName="FilterPolicy",
                                       AttributeValue='{"severity":["page"]}')
    read = client.get_subscription_attributes(SubscriptionArn=sqs)["Attributes"]
    t.same("a filter looks at attributes unless told", (read["FilterPolicy"], read["FilterPolicyScope"]),
           ('{"severity":["page"]}', "MessageAttributes"))
    t.refused("a filter that is none", "InvalidParameter", client.set_subscription_attributes, SubscriptionArn=sqs,
              AttributeName="FilterPolicy", AttributeValue="{")
    t.refused("a subscription nobody has", "NotFound", client.get_subscription_attributes, http=404,
              SubscriptionArn=f"{arn}:00000000-0000-4000-8000-000000000000")

    # Tags.
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "x"}])
    client.untag_resource(ResourceArn=arn, TagKeys=["app"])
    t.same("tags", client.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "team", "Value": "x"}])
    t.refused("tags of nothing", "ResourceNotFound", client.list_tags_for_resource, http=404, ResourceArn=absent)
    t.refused("tags on nothing", "ResourceNotFound", client.tag_resource, ResourceArn=absent,
              Tags=[{"Key": "a", "Value": "b"}])
    t.refused("no tags off nothing", "ResourceNotFound", client.untag_resource, ResourceArn=absent, TagKeys=["a"])

    # The end.
    more = [client.create_topic(Name=t.unique("page"))["TopicArn"] for _ in range(100)]
    pages = client.get_paginator("list_topics").paginate()
    t.same("topics in pages of a hundred", [len(page["Topics"]) for page in pages], [100, 1])
    t.refused("a page nobody gave", "InvalidParameter", client.list_topics, NextToken="x")
    client.unsubscribe(SubscriptionArn=sqs)
    client.unsubscribe(SubscriptionArn=sqs)
    t.same("unsubscribed, twice is as good",
           client.get_topic_attributes(TopicArn=arn)["Attributes"]["SubscriptionsDeleted"], "1")
    t.refused("no ARN to unsubscribe", "InvalidParameter", client.unsubscribe, SubscriptionArn="PendingConfirmation")
    for topic in [arn, arn, *more]:
        client.delete_topic(TopicArn=topic)
    t.same("a deleted topic takes its subscriptions along", client.list_subscriptions()["Subscriptions"], [])
    t.refused("no ARN to delete", "InvalidParameter", client.delete_topic, TopicArn="x")
    t.refused("a deleted topic", "NotFound", client.get_topic_attributes, TopicArn=arn)
