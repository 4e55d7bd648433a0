"""``python -m azure_failover`` is ``azure-failover``."""

from azure_failover.cli import main

if __name__ == "__main__":
    main()
