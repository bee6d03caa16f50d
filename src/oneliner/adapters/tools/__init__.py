"""Tools of this deployment: Python functions, built-ins, and several sources as one."""
