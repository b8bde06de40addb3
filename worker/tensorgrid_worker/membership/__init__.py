"""How a worker joins and leaves: init, doctor, register, leave."""
