"""Failover for Azure OpenAI in the HTTP transport."""
