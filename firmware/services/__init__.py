"""Services: what each one is, what it has applied, and who keeps its daemon alive."""
