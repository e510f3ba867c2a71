"""One hostile client address for a long time: what it takes from the server must come back."""
