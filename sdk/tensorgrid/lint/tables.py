"""What the linter knows by name. Full dotted names, as imports resolve them."""

from __future__ import annotations

RAISES_ON_GPU = frozenset(
    f"torch.nn.{name}"
    for name in (
        *("AvgPool3d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool2d", "FractionalMaxPool2d"),
        *("FractionalMaxPool3d", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "CTCLoss"),
        *("functional.avg_pool3d", "functional.adaptive_avg_pool2d", "functional.adaptive_avg_pool3d"),
        *("functional.adaptive_max_pool2d", "functional.fractional_max_pool2d", "functional.fractional_max_pool3d"),
        *("functional.ctc_loss", "functional.grid_sample"),
    )
) | {"torch.histc", "torch.cumsum"}
"""They have no deterministic kernel (forward or backward) for CUDA: torch raises under use_deterministic_algorithms."""

RAISES_ANYWHERE = frozenset(
    f"torch.nn.{name}"
    for name in (
        *("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"),
        *("functional.max_unpool1d", "functional.max_unpool2d", "functional.max_unpool3d"),
    )
)

RAISES_SOMETIMES = {
    "torch.nn.functional.interpolate": "in the modes linear, bilinear, bicubic and trilinear",
    "torch.nn.Upsample": "in the modes linear, bilinear, bicubic and trilinear",
    "torch.nn.NLLLoss": "for images (two or more spatial dimensions)",
    "torch.nn.functional.nll_loss": "for images (two or more spatial dimensions)",
    "torch.nn.EmbeddingBag": "with mode='max'",
    "torch.nn.functional.embedding_bag": "with mode='max'",
    "torch.bincount": "with weights",
    "torch.median": "where its indices are used",
    "torch.kthvalue": "where its indices are used",
}
"""On a GPU, and not always."""

METHODS = {
    "put_": "without accumulate=True",
    "histc": "on a GPU",
    "cumsum": "of floating-point values on a GPU",
    "scatter_reduce": "with reduce='prod' on a GPU",
    "scatter_reduce_": "with reduce='prod' on a GPU",
    "bincount": "with weights on a GPU",
    "median": "where its indices are used, on a GPU",
    "resize_": "of a quantised tensor",
}
"""Of tensors; which object a method belongs to cannot be read from the source, so these are warnings."""
GPU_METHODS = frozenset(METHODS) - {"put_", "resize_"}

SYSTEM_RANDOM = frozenset(
    {"random.SystemRandom", "os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4", "torch.seed", "torch.random.seed"}
)
SEEDED_BY_ARGUMENT = frozenset(
    {
        *("random.Random", "random.seed", "numpy.random.seed", "numpy.random.default_rng", "numpy.random.RandomState"),
        *("numpy.random.SeedSequence", "numpy.random.PCG64", "numpy.random.MT19937", "numpy.random.Philox"),
    }
)
"""Without an argument they take the system's entropy."""
SEEDERS = SEEDED_BY_ARGUMENT | {"torch.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all"}

CLOCK = frozenset(
    f"time.{name}{suffix}"
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time")
    for suffix in ("", "_ns")
) | {
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("time.localtime", "time.gmtime", "time.ctime", "torch.cuda.Event"),
}

MACHINE = frozenset(
    {
        *("os.cpu_count", "os.getpid", "os.uname", "os.getloadavg", "os.sched_getaffinity", "socket.gethostname"),
        *("platform.node", "platform.release", "torch.cuda.mem_get_info", "torch.cuda.memory_allocated"),
    }
)

SWITCH_CALLS = frozenset(
    {
        *("torch.use_deterministic_algorithms", "torch.set_deterministic_debug_mode", "torch.set_num_threads"),
        *("torch.set_num_interop_threads", "torch.set_float32_matmul_precision", "torch.set_flush_denormal"),
        *("torch.backends.cuda.enable_flash_sdp", "torch.backends.cuda.enable_mem_efficient_sdp"),
        *("torch.backends.cuda.enable_cudnn_sdp", "torch.nn.attention.sdpa_kernel"),
    }
)
SWITCH_PREFIX = "torch.backends."
PINNED_VARIABLES = ("PYTHONHASHSEED", "CUBLAS_WORKSPACE_CONFIG", "OMP_", "MKL_", "OPENBLAS_", "NVIDIA_TF32_OVERRIDE")

CONCURRENT = frozenset(
    {
        *("concurrent.futures.as_completed", "concurrent.futures.ThreadPoolExecutor", "threading.Thread"),
        *("concurrent.futures.ProcessPoolExecutor", "multiprocessing.Process", "multiprocessing.Pool"),
        *("multiprocessing.pool.ThreadPool", "torch.multiprocessing.spawn", "torch.multiprocessing.Process"),
    }
)
LISTINGS = frozenset({"os.listdir", "os.scandir", "glob.glob", "glob.iglob", "os.walk"})
LISTING_METHODS = frozenset({"iterdir", "rglob"})
UNINITIALISED = frozenset({"numpy.empty", "numpy.empty_like", "numpy.ndarray"})

LAYERS = frozenset({"Conv1d", "Conv2d", "Conv3d", "Linear", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"})
NORMS = frozenset({f"{kind}{n}d" for kind in ("BatchNorm", "InstanceNorm") for n in (1, 2, 3)} | {"SyncBatchNorm"})
ADAPTIVE = frozenset({"Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta", "SparseAdam"})
"""Optimisers that divide a gradient by its own size."""
STEADY = frozenset({"SGD", "ASGD", "LBFGS", "Rprop"})
