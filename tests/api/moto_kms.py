"""moto's server with the one thing of KMS it lacks: messages that are hashes already (MessageType DIGEST); it hashes them again.

Usage: moto_kms.py -H 127.0.0.1 -p PORT
"""

import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from moto.kms.utils import ECDSAPrivateKey
from moto.server import main


def sign(self, message, signing_algorithm):
    """Every message here is a digest, and every algorithm ECDSA_SHA_256."""
    assert (len(message), signing_algorithm) == (32, "ECDSA_SHA_256")
    return self.private_key.sign(message, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


ECDSAPrivateKey.sign = sign
main(sys.argv[1:])
