"""The parts of a local environment: processes, a chain, AWS clients, HTTPS through the load balancer."""
