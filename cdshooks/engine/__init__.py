"""Pure rules: chart, policy, determination. No clock, no network, no web framework, no logging."""
