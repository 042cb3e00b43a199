"""Into Label Studio: the project, its review queue, the push, the connection to the ML backend."""
