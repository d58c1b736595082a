"""The conformance harness: drives a simulated AWS as clients nobody here wrote do."""
