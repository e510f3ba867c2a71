"""A long run of a cluster whose nodes and NATS servers are killed and frozen at random."""
