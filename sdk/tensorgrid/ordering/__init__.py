"""From a function and a budget to a job that can be posted. Empty: the decorator imports options alone."""
