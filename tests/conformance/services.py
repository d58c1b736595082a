"""Every service the simulator has is driven by a script. It says itself which there are, to a client of one it has not."""

from pathlib import Path

from botocore.exceptions import ClientError

HERE = Path(__file__).parent
# What is of no one service.
OTHERS = {"run", "cli", "defaults", "services"}


def drive(t):
    try:
        t.client("sqs").list_queues()
        said = "answered"
    except ClientError as error:
        said = error.response["Error"]["Message"]
    simulated = sorted(said.split("there are: ")[-1].split(", "))
    scripts = {path.stem.replace("_", "-") for path in HERE.glob("*.py")} - OTHERS
    signing = sorted(t.client(service).meta.service_model.signing_name for service in scripts)
    t.same("the simulated services are those with a script", simulated, signing)
