"""What `scripts/reconnect.sh` makes of its runs."""
