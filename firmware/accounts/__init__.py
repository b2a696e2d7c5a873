"""Who may use the web UI and its API: accounts, passwords, tokens, the setup code, and the sessions of those who logged in."""
