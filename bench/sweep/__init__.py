"""How Switchboard behaves over a range of loads: subscribers, channels, sizes, shards, storms."""
