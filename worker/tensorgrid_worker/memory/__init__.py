"""What the worker remembers: its journal, the rows in it, and what the loop lets others see."""
