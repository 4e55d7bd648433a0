"""The commands of ``azure-failover``, one module each, and what they decide. Needs ``cli``."""
