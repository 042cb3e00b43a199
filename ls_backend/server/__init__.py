"""HTTP: the routes and what goes over them, the page for people, the server and its connections."""
