"""The dagcast plugin ``guardrails``: a company's rules, filled in where they are missing and checked everywhere."""
