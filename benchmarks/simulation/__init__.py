"""A simulator of health rules: real decisions, virtual time, seeded traffic."""
