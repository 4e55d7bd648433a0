"""The failover transport for httpx2, which openai-python uses since 3.0.

Needs the extra: ``pip install 'azure-failover[httpx2]'``.
"""

try:
    from azure_failover.transport._httpx2 import FailoverTransport
except ModuleNotFoundError as error:
    if error.name != "httpx2":
        raise
    raise ModuleNotFoundError(
        "azure_failover.httpx2 needs its extra: pip install 'azure-failover[httpx2]'",
        name="httpx2",
    ) from None

__all__ = ["FailoverTransport"]
