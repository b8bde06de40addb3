"""The durable loop: follow the chain, plan purely, record, submit; and what it remembers."""
