"""Packages whose version decides the bits of a result: a worker's fingerprint names them, the linter knows them."""

from __future__ import annotations

import re

_COMPUTING = re.compile(
    r"nvidia-(?!ml-py).+|torch.*|pytorch-.+|triton.*|mkl.*|intel-openmp|onednn.*|safetensors|numpy|scipy|scikit-learn|"
    r"scikit-image|pandas|polars|pyarrow|numba|llvmlite|sympy|networkx|pillow|opencv-.+|jax.*|ml-dtypes|flax|optax|"
    r"transformers|tokenizers|sentencepiece|tiktoken|datasets|accelerate|diffusers|peft|trl|bitsandbytes|timm|einops|"
    r"flash-attn.*|xformers|deepspeed|lightning.*|pytorch-lightning|gymnasium|xgboost|lightgbm|catboost",
    re.ASCII,
)
_IMPORTED_AS = {"sklearn": "scikit-learn", "skimage": "scikit-image", "PIL": "pillow", "cv2": "opencv-python"}


def is_computing(distribution: str) -> bool:
    """Whether a distribution of that name, as pip writes it, belongs in the fingerprint."""
    return _COMPUTING.fullmatch(distribution.lower().replace("_", "-")) is not None


def distribution_of(module: str) -> str:
    """What a top-level module is usually installed as."""
    return _IMPORTED_AS.get(module, module.lower().replace("_", "-"))
