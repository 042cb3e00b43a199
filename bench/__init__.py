"""What `make bench` measures: each part beside yardsticks that run on the same machine, then."""
