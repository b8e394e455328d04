"""Which works are one paper: their names, what is merged or held apart, the index of what is stored, topics."""
