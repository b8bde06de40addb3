"""How far ends of one segment lie apart: honest ones on unlike settings, and those of cheats."""
