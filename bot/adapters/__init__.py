"""Other people's APIs, one module each: bounded calls that raise this project's own errors."""
