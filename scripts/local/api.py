"""The API alone, as a process on a Redis and a chain of its own, for tests that call it from outside."""

import hashlib
import secrets
import urllib.request

from .environment import BINARIES, CHAIN_ID, DEPLOYER_KEY, deploy_contracts, environment, start_chain, start_redis
from .processes import free_port


def start_api(story):
    """Its address, a key of all scopes and its node."""
    redis_url = start_redis(story)
    node = start_chain(story)
    addresses = deploy_contracts(story, node)
    story.begin("contracts-api")
    key, port = secrets.token_hex(32), free_port()
    settings = {
        "PORT": str(port),
        "BIND_ADDRESS": "127.0.0.1",
        "CHAIN_ID": str(CHAIN_ID),
        "DEPLOYER_PRIVATE_KEY": DEPLOYER_KEY,
        "TOKEN_MANAGER_ADDRESS": addresses["TokenManager"],
        "MODEL_REGISTRY_ADDRESS": addresses["ModelRegistry"],
        "RPC_URL": node.url,
        "REDIS_URL": redis_url,
        "API_KEYS": f"test:{hashlib.sha256(key.encode()).hexdigest()}",
        # What is tested is not the limit, which would end every run with 429.
        **{f"RATE_LIMIT_{kind}": "1000000" for kind in
           ("DEPLOY_BURST", "DEPLOY_PER_SECOND", "READ_BURST", "READ_PER_SECOND")},
    }
    story.processes.start("contracts-api", [f"{BINARIES}/contracts-api"], environment(**settings))
    url = f"http://127.0.0.1:{port}"

    def healthy():
        try:
            return urllib.request.urlopen(f"{url}/health", timeout=5).status == 200
        except OSError:
            return False

    story.processes.wait_for("contracts-api", 30, healthy)
    story.say(url)
    return url, key, node
