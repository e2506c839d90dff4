"""What a Telegraf configuration says of machines, as parts of topology.yaml."""
