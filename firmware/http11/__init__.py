"""HTTP/1.1, by h11: what csyncd, the web UI and the commands speak over their sockets. `wire` is the bytes, `server` and
`client` are the two ends for asyncio, `blocking` is a client without it. Bodies are JSON both ways (`json_body`), and a
`quota` bounds what one client can have of a server.
"""
