"""Which operations of a service the simulator knows, and which of them a script left out.

The simulator itself is asked: every operation of botocore's model is called with nothing, and what is not refused as
unknown is known. So an operation is missed by nobody who adds one.
"""

from botocore.exceptions import BotoCoreError, ClientError

from .drive import REGION, bare_client

# What the simulator calls an operation it does not have, by protocol.
UNKNOWN = {"UnknownOperationException", "InvalidAction"}


def operations(endpoint, service):
    """The service's operations that the simulator at this endpoint answers in any way but 'unknown'. It may change things."""
    client = bare_client(endpoint, service, validated=False)
    model = client.meta.service_model
    return {name for name in model.operation_names if known(client, model.operation_model(name))}


def known(client, operation):
    # Nothing here answers an unsigned call, and the signature is what tells the service.
    if operation.auth_type == "none":
        return False
    # A member that is a part of the path must be something for the request to be made at all.
    shape = operation.input_shape
    path = shape.members.items() if shape is not None else ()
    arguments = {name: "x" for name, member in path if member.serialization.get("location") == "uri"}
    # botocore itself signs a URL of that region before it asks.
    if shape is not None and "SourceRegion" in shape.members:
        arguments["SourceRegion"] = REGION
    try:
        client._make_api_call(operation.name, arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] not in UNKNOWN
    except BotoCoreError as error:
        raise SystemExit(f"{operation.name} with no arguments: {error}") from error
    return True


def gaps(drive, service, known_operations, exempt):
    """What is not covered, and what is exempt though covered, as sentences. `exempt` gives a reason by operation."""
    found = []
    for operation in sorted(known_operations):
        lacking = []
        if not drive.answered[service, operation]:
            lacking.append("answered")
        if not drive.refusals[service, operation]:
            lacking.append("refused")
        if lacking and operation not in exempt:
            found.append(f"{operation} is never {' nor '.join(lacking)}")
        if not lacking and operation in exempt:
            found.append(f"{operation} is exempt, but is answered and refused")
    found += [f"{operation} is exempt, but the simulator does not know it" for operation in sorted(exempt)
              if operation not in known_operations]
    return found
