"""The commands of `ls-clip`: each opens what it needs, calls one function, and shows its report."""
