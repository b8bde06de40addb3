"""What runs INSIDE the sandbox, beside the job's code. The only place that imports torch."""
