"""Serving: processes and sockets, listening, the page that says how it stands."""
