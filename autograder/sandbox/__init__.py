"""The trusted side of the sandbox: starts student processes, talks to them, kills them."""
