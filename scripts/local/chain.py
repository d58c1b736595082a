"""An EVM node by JSON-RPC: deploying compiled contracts and reading tokens back.

Takes the JSON files `tests/contracts/build.mjs` writes. Knows of the ABI no more than addresses, integers and texts;
function selectors are asked of the node (`web3_sha3`), because Python's standard library has no Keccak.
"""

import json
import urllib.request

from .processes import Failure, NotYet, until


class Node:
    """One node; its first account is unlocked and rich, as anvil's are."""

    def __init__(self, url):
        self.url = url

    def call(self, method, *parameters):
        """The result of one JSON-RPC call."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            reply = json.load(reply)
        if "error" in reply:
            raise Failure(f"{method}: {reply['error'].get('message')}")
        return reply["result"]

    def deploy(self, contract, arguments):
        """Deploys a compiled contract from the first account and gives its address once mined."""
        sender = self.call("eth_accounts")[0]
        data = "0x" + contract["bytecode"].removeprefix("0x") + "".join(word(argument) for argument in arguments)
        transaction = self.call("eth_sendTransaction", {"from": sender, "data": data})

        def mined():
            receipt = self.call("eth_getTransactionReceipt", transaction)
            if receipt is None:
                raise NotYet("no receipt")
            return receipt

        receipt = until(f"transaction {transaction} is mined", 20, mined)
        if int(receipt["status"], 16) != 1:
            raise Failure(f"deployment transaction {transaction} reverted")
        return receipt["contractAddress"]

    def read(self, address, signature, *arguments):
        """The raw bytes a view function gives."""
        selector = self.call("web3_sha3", "0x" + signature.encode().hex())[2:10]
        result = self.call("eth_call", {"to": address, "data": "0x" + selector + encode(arguments)}, "latest")
        return bytes.fromhex(result[2:])

    def text(self, address, signature, *arguments):
        """The text a view function gives."""
        raw = self.read(address, signature, *arguments)
        if len(raw) < 64:
            raise Failure(f"{signature} at {address} gave no text")
        length = int.from_bytes(raw[32:64], "big")
        return raw[64 : 64 + length].decode()

    def number(self, address, signature, *arguments):
        """The integer a view function gives."""
        return int.from_bytes(self.read(address, signature, *arguments)[:32], "big")

    def address(self, address, signature, *arguments):
        """The address a view function gives, lower case."""
        return "0x" + self.read(address, signature, *arguments)[12:32].hex()


def word(argument):
    """An address or integer as 32 bytes of hex."""
    number = int(argument, 16) if isinstance(argument, str) else argument
    return f"{number:064x}"


def encode(arguments):
    """Arguments in ABI form: an address (`0x…`) or integer in place, any other text behind the heads."""
    heads, tails = "", ""
    for argument in arguments:
        if isinstance(argument, str) and not argument.startswith("0x"):
            heads += word(32 * len(arguments) + len(tails) // 2)
            raw = argument.encode()
            tails += word(len(raw)) + raw.hex().ljust((len(raw) + 31) // 32 * 64, "0")
        else:
            heads += word(argument)
    return heads + tails
