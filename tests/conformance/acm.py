"""Certificate Manager: the certificate of the load balancer's listener, read only."""


def drive(t):
    client = t.client("acm")
    listeners = t.client("elbv2").describe_listeners(ListenerArns=[t.account["listener"]])["Listeners"]
    arn = listeners[0]["Certificates"][0]["CertificateArn"]
    one = client.describe_certificate(CertificateArn=arn)["Certificate"]
    t.same("the listener's certificate", (one["DomainName"], one["SubjectAlternativeNames"], one["Status"], one["Type"]),
           ("*.hokus.ai", ["*.hokus.ai", "hokus.ai"], "ISSUED", "AMAZON_ISSUED"))
    t.same("in use by the load balancer", one["InUseBy"], [t.account["load_balancer"]])
    t.same("its key, with a hyphen", one["KeyAlgorithm"], "EC-prime256v1")
    t.same("good now", one["NotBefore"] <= one["IssuedAt"] < one["NotAfter"], True)
    t.same("validated by DNS",
           [(each["DomainName"], each["ValidationStatus"], each["ResourceRecord"]["Type"])
            for each in one["DomainValidationOptions"]],
           [("*.hokus.ai", "SUCCESS", "CNAME"), ("hokus.ai", "SUCCESS", "CNAME")])
    absent = arn[:-12] + "000000000000"
    t.refused("no such certificate", "ResourceNotFoundException", client.describe_certificate, http=400,
              CertificateArn=absent)
    t.refused("no ARN", "ValidationException", client.describe_certificate, CertificateArn="x")

    body = client.get_certificate(CertificateArn=arn)
    t.same("its body and its chain",
           [text.splitlines()[0] for text in (body["Certificate"], body["CertificateChain"])],
           ["-----BEGIN CERTIFICATE-----"] * 2)
    t.refused("no body of nothing", "ResourceNotFoundException", client.get_certificate, CertificateArn=absent)

    # https://docs.aws.amazon.com/acm/latest/APIReference/API_Filters.html
    t.same("without a filter only RSA keys are listed", client.list_certificates()["CertificateSummaryList"], [])

    def listed(**arguments):
        found = client.list_certificates(Includes={"keyTypes": ["EC_prime256v1"]}, **arguments)
        return [each["CertificateArn"] for each in found["CertificateSummaryList"]]

    t.same("listed by key", listed(), [arn])
    t.same("listed by status", listed(CertificateStatuses=["ISSUED"]), [arn])
    t.same("none expired", listed(CertificateStatuses=["EXPIRED"]), [])
    t.refused("half a sort", "InvalidArgsException", client.list_certificates, SortOrder="ASCENDING")
    t.refused("too large a page", "ValidationException", client.list_certificates, MaxItems=1001)
    t.same("no tags", client.list_tags_for_certificate(CertificateArn=arn)["Tags"], [])
    t.refused("tags of nothing", "ResourceNotFoundException", client.list_tags_for_certificate, CertificateArn=absent)
