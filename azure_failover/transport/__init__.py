"""Where decisions meet the network: the drivers, and one face for each HTTP family."""
