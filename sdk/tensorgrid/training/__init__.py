"""Training loops that can be audited: what their state is, where a step ends, and in which order data comes."""
