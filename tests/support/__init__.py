"""What the integration tests share: a real server, and clients that send exactly what they are told."""
