"""HTTP/1.1, by h11: what csyncd, the web UI and the commands speak over their sockets. `wire` is the bytes, `server` and
`client` are asyncio's two ends, `once` asks one question without it. Bodies are JSON both ways.
"""
