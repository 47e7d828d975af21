"""Recorders for other packages' hooks: LangChain, LiteLLM and OpenTelemetry.

Each module imports its package, so import only the one that you use. Several may be on at once, beside
`modelstat.wrap`: a call that more than one of them sees is recorded once, told by the provider's id of
the answer.
"""
