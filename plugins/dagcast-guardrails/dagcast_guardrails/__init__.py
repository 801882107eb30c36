"""The dagcast plugin ``guardrails``: applies a company's rules to pipelines and reports violations."""
