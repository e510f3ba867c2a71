"""What the integration tests share: a real server, and clients that send exactly the given bytes."""
