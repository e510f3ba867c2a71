"""What the server is for: what a backend has to do for clients that ask it, and for clients that listen to us."""
