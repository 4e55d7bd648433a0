"""The failover transport for httpx2, which openai-python uses since 3.0.

Needs the extra: ``pip install 'azure-failover[httpx2]'``.
"""

from azure_failover.transport._httpx2 import FailoverTransport

__all__ = ["FailoverTransport"]
