"""What ends a vLLM server, and the way out: a table, each rule with the log lines that prove it.

The lines were read off vLLM 0.11.0 and 0.32.0, their sources, and what users report. A rule is
asked of lines that tell of a failure alone (`Line.is_error` in `log_lines`), and of those that
were written in its stages, if it names some.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

LOADING = ("loading the weights",)
BEFORE_LOADING = (
    "starting Python",
    "importing vLLM",
    "reading the model's configuration",
    "starting the engine process",
)
MEASURING = ("measuring what a request needs at most", "compiling the model")

OUT_OF_MEMORY = (
    "OutOfMemoryError|CUDA out of memory|CUDA (driver )?error: out of memory|CUBLAS_STATUS_ALLOC_FA"
    "|(CUBLAS|CUDNN)_STATUS_NOT_INITIALIZED"
)
SET_UP = "run the set-up again (README)"
NO_CARD = (
    "vLLM finds no card, and this is its build for cards: start a container with `--gpus all`; "
    "without a card, take the CPU build (`make setup`)."
)
DAMAGED = "verify_folder (notebook 01) names what differs, and download_model fetches it again."
NO_TOKENIZER = f"Files of the model's tokenizer are missing: {DAMAGED}"
NO_HUB = (
    "vLLM wanted to fetch the model from a hub and has no connection: download it with "
    "notebook 01 and serve the folder that it names."
)
NO_TRUST = (
    "The hub's certificate is not trusted here, most often because a company's proxy puts its own "
    "in its place: let SSL_CERT_FILE and REQUESTS_CA_BUNDLE name that one's file, or serve the "
    "folder that notebook 01 names."
)
MEMORY = (
    "close other programs; on WSL2 raise `memory=` in %UserProfile%\\.wslconfig, then run "
    "`wsl --shutdown`."
)
COMPILER = "install NVIDIA's toolkit of CUDA, or start with `VLLM_USE_FLASHINFER_SAMPLER=0`."


NO_GRAMMAR = (
    "A request's form (a schema, a regex, an empty json or structural_tag) is none of which the "
    "engine makes a grammar, and vLLM 0.11 dies of that where it did not see it before: leave it "
    'out. A server started with `--structured-outputs-config \'{"backend": "xgrammar"}\'` refuses '
    "nearly all of them."
)
DRIVER_CHANGED = (
    "The driver was updated while the machine ran, and its parts do not fit together: restart the "
    "machine (a container: make it again)."
)
NO_HOST = "The address of --host is none of this machine's: leave it at 127.0.0.1."
# Paths that somebody else owns, and what helps.
WAYS = (
    (r"/bin/[^/]+$", "it must be run: `chmod a+x`, on a disk that is not mounted with noexec"),
    (r"^/dev/shm|^/psm_", "a program of another user left it: delete it, or restart the container"),
    (r"cache/vllm", "change its owner, or let VLLM_CACHE_ROOT name a folder of yours"),
    (r"\.config", "change its owner, or let VLLM_CONFIG_ROOT name a folder of yours"),
    (r"triton", "change its owner, or let TRITON_CACHE_DIR name a folder of yours"),
    (r"torchinductor", "change its owner, or let TORCHINDUCTOR_CACHE_DIR name a folder of yours"),
    (r"huggingface|modelscope", "serve the folder that notebook 01 names, or change its owner"),
    (r"flashinfer", "change its owner, or let FLASHINFER_WORKSPACE_BASE name a folder of yours"),
    (r"\.(json|safetensors|jinja|txt|bin)$", "give yourself the right to read it (`chmod a+r`)"),
    (r"^/tmp", "let TMPDIR name a folder of yours"),
)


@dataclass(frozen=True)
class Rule:
    """A failure: how the log words it, and what to tell the learner.

    Groups of the pattern fill the sentence; a function makes it from the match and the whole
    log, '' where the log speaks against it. `stages` are the only ones that the rule holds in,
    and `context` is what must stand anywhere in the log. `proofs` are lines that it must know.
    """

    pattern: str
    sentence: str | Callable[[re.Match, str], str]
    proofs: tuple[str, ...]
    stages: tuple[str, ...] = ()
    context: str = ""

    def tell(self, words: str, log: str) -> str:
        """The sentence for a line; '' if the line is none of this rule's."""
        found = re.search(self.pattern, words)
        if not found or not re.search(self.context, log):
            return ""
        if callable(self.sentence):
            return self.sentence(found, log)
        groups = {name: _cut((value or "").strip()) for name, value in found.groupdict().items()}
        return re.sub(r"\{(\w+)\}", lambda name: groups.get(name[1], name[0]), self.sentence)


def say_no_cache(_: re.Match, log: str) -> str:
    """Weights and share as the log has them, and the remedy that they leave."""
    if re.search("platform cpu|device_config=cpu", log):
        return (
            "vLLM's part of the main memory leaves nothing for the KV cache: raise "
            "--gpu-memory-utilization, which on a CPU means main memory, or set "
            "VLLM_CPU_KVCACHE_SPACE to a few GiB, and close other programs."
        )
    weights = _find(r"Model loading took ([\d.]+) GiB", log)
    missing = _find(r"Available KV cache memory: -([\d.]+) GiB", log)
    total = _find(r"Free memory on device[^(]*\([\d.]+/([\d.]+) GiB\)", log)
    share = _find_share(log)
    taken = f"The weights take {weights:.1f} GiB" if weights else "The weights fit"
    if share and total:
        taken += f" of a budget of {share * total:.1f}"
    short = f": {missing:g} GiB are missing" if missing else ""
    begin = f"{taken}, and with working memory nothing is left for the KV cache{short}."
    return f"{begin} {_choose_remedy(weights, missing, total, share, log)}."


def _choose_remedy(
    weights: float | None, missing: float | None, total: float | None, share: float | None, log: str
) -> str:
    """What helps of a larger share, no clips and a smaller model; sizes in GiB."""
    smaller = "serve a smaller or a quantised model (COURSE_MODEL)"
    video = ""
    version = re.search(r"version (\d+\.\d+)|\(v(\d+\.\d+)", log)
    if (version is None or "0.11" in version[0]) and (missing or 0) <= 1.6:
        video = _offer_no_video(log, "; on vLLM 0.11 `{}` frees about 1.4 GiB")
    if share is None:
        more = "where --gpu-memory-utilization is below 0.90, give vLLM 0.90"
        return f"{smaller[0].upper()}{smaller[1:]}, or, {more}{video}"
    most = max(share, 0.9) * total if total else None
    short = most is not None and share * total + (missing or 0) > most and not video
    if most is not None and ((weights or 0) >= most or (short and share < 0.9)):
        return f"Only that helps: {smaller}"
    if share < 0.9:
        return f"Raise --gpu-memory-utilization from {share:g} to 0.90{video}"
    return f"The share is {share:g} already, so {smaller}{video}"


def _offer_no_video(log: str, words: str) -> str:
    """The flag in these words, '' where the start had it already."""
    if re.search(r"limit[-_]mm[-_]per[-_]prompt\W+[^}]*video\W+0\b", log):
        return ""
    return words.format("--limit-mm-per-prompt '{\"video\": 0}'")


def say_too_large(_: re.Match, log: str) -> str:
    """What is left to do where the largest request does not fit beside the weights."""
    return (
        "The weights fit into the card, but what one request may need at most does not: start "
        f"with {_offer_no_video(log, '`{}` or ')}smaller --max-num-batched-tokens and "
        "--max-num-seqs, close what else uses the card, or serve a smaller model."
    )


def say_no_card(_: re.Match, log: str) -> str:
    """Whether the card is missing, or only its driver has changed."""
    return DRIVER_CHANGED if "Driver/library version mismatch" in log else NO_CARD


def say_other_program(found: re.Match, _: str) -> str:
    """What other programs hold of the card; '' if that is less than a tenth of it."""
    others = sum(float(size) for size in re.findall(r"Process \d+ has ([\d.]+) GiB", found.string))
    total = _find(r"total capacity of ([\d.]+) GiB", found.string)
    if total and others < total / 10:
        return ""
    return (
        f"Other programs hold {others:.1f} GiB of the card: end them (nvidia-smi lists them; `make "
        "stop` ends a server of the course), or serve a smaller model."
    )


def say_old_driver(found: re.Match, _: str) -> str:
    """The CUDA that the driver knows, from torch's 12080 for 12.8."""
    number = int(found["version"])
    knows = f"{number // 1000}.{number % 1000 // 10}"
    return (
        f"The driver is too old: it knows CUDA {knows}, and this vLLM is built for a newer one. "
        "Update it (CUDA 12.8 needs 570, CUDA 13 needs 580), and restart the machine."
    )


def say_no_hub(_: re.Match, log: str) -> str:
    """Why a hub is not reached, where the log has more than that it is not."""
    return NO_TRUST if re.search("CERTIFICATE_VERIFY_FAILED", log) else NO_HUB


def say_no_name(_: re.Match, log: str) -> str:
    """Whose name could not be looked up: that of --host or that of a hub."""
    if re.search(r"create_server_socket|\.bind\(", log):
        return NO_HOST
    if re.search("huggingface_hub|modelscope|transformers", log):
        return say_no_hub(_, log)
    return (
        "A name leads to no address: give --host 127.0.0.1, and as the model the folder that "
        "notebook 01 names, which needs no connection."
    )


def say_gated(_: re.Match, log: str) -> str:
    """The model that its makers give to registered people alone."""
    name = re.search(r"Access to model (\S+) is|://[^/\s]+/([\w.-]+/[\w.-]+?)(?=[/\s]|\.?$)", log)
    model = (name[1] or name[2]).rstrip(".") if name else "This model"
    return (
        f"{model} is given only to people who accept its licence on its page and log in "
        "(`hf auth login`): do that, or serve a model that is open to all (notebook 01)."
    )


def say_forbidden(found: re.Match, _: str) -> str:
    """The way out for a path that vLLM may not use."""
    path = found["path"]
    ways = (way for pattern, way in WAYS if re.search(pattern, path))
    return f"vLLM may not use {path}: {next(ways, 'change its owner or rights')}."


def say_json_form(found: re.Match, _: str) -> str:
    """The JSON for a flag that was given as kind=number,kind=number."""
    pairs = [pair.partition("=") for pair in found["pairs"].split(",")]
    json = ", ".join(f'"{name}": {number}' for name, _, number in pairs)
    return (
        f"{found['flag']} takes JSON and no longer {found['pairs']}: write "
        f"`{found['flag']} '{{{json}}}'`."
    )


def _cut(words: str) -> str:
    return words if len(words) <= 200 else words[:200] + "…"


def _find_share(log: str) -> float | None:
    """The share that the server was started with; vLLM's default where its flags have none."""
    given = _find(r"gpu[-_]memory[-_]utilization['\"]?[:= ]+([\d.]+)", log)
    if given is None and "non-default args: {" in log:
        return 0.9 if "version 0.11" in log else 0.92
    return given


def _find(pattern: str, log: str) -> float | None:
    found = re.search(pattern, log)
    return float(found[1].rstrip(".")) if found else None


RULES = (
    # Packages that do not fit together
    Rule(
        r"from (?:partially initialized module )?'(?P<package>\w+)' .*"
        r"\((?P<file>(?!\S*-packages)/\S*\b(?P=package)\.py)\)",
        "Your own file {file} has the name of the package {package} and hides it: rename the file.",
        (
            "ImportError: cannot import name 'LLM' from partially initialized module 'vllm' (most "
            "likely due to a circular import) (/home/me/vllm.py)",
            "ImportError: cannot import name 'Random' from 'random' (/home/me/random.py)",
        ),
    ),
    Rule(
        r"No module named '[\w.]+'; '(?P<package>[\w.]+)' is not a package|"
        r"^AttributeError: partially initialized module '(?P<other>\w+)' has no",
        "A file {package}{other}.py of your own hides the package {package}{other}: rename the "
        "file.",
        (
            "ModuleNotFoundError: No module named 'vllm.entrypoints'; 'vllm' is not a package",
            "AttributeError: partially initialized module 'json' has no attribute 'loads' (most "
            "likely due to a circular import)",
        ),
    ),
    Rule(
        r"from '(?P<package>\w+)' \(unknown location\)",
        "A folder {package} where the program was started hides the package {package}: start it "
        "from another folder.",
        ("ImportError: cannot import name 'LLM' from 'vllm' (unknown location)",),
    ),
    Rule(
        r"has no attribute '?all_special_tokens_extended|'?Qwen2Tokenizer(Fast)?'?.* has no attri",
        f"transformers 5 is installed, and vLLM 0.11 needs 4.57: {SET_UP}.",
        (
            "AttributeError: Qwen2Tokenizer has no attribute all_special_tokens_extended",
            "AttributeError: 'Qwen2TokenizerFast' object has no attribute "
            "'all_special_tokens_extended'. Did you mean: 'num_special_tokens_to_add'?",
        ),
    ),
    Rule(
        r"model type .qwen3_vl\w*. but Transformers does not recognize|KeyError: 'qwen3_vl'",
        f"This transformers is too old for Qwen3-VL, which needs 4.57 or newer: {SET_UP}.",
        (
            "  Value error, The checkpoint you are trying to load has model type `qwen3_vl` but "
            "Transformers does not recognize this architecture.",
            "KeyError: 'qwen3_vl'",
        ),
    ),
    Rule(
        r"model type .(?P<type>[\w-]+). but Transformers does not recognize",
        "This transformers does not know the model type {type}: take a newer vLLM with the "
        "transformers that it asks for, or another model.",
        (
            "  Value error, The checkpoint you are trying to load has model type `qwen9_vl` but "
            "Transformers does not recognize this architecture.",
        ),
    ),
    Rule(
        r"Model architectures \[(?P<name>[^\]]*)\] (are not supported|failed to be inspected)",
        "This vLLM cannot serve {name}: Qwen3-VL needs vLLM 0.11 or newer, newer models a newer "
        f"one. If it should know it, {SET_UP}.",
        (
            "ValueError: Model architectures ['Qwen3VLForConditionalGeneration'] are not supported "
            "for now. Supported architectures: dict_keys(['AquilaForCausalLM'])",
        ),
    ),
    Rule(
        r"undefined symbol|No module named 'vllm\._C|operator torchvision::\w+ does not exist|"
        r"flashinfer-\w+ version .* does not match|"
        r"lib(cu(?!da\.)\w+|nv\w+|torch\w*|c10)\.so\S*: cannot|"
        r"multiarray failed to import|compiled using NumPy|not compiled with CUDA enabled|"
        r"is required for a normal functioning|'Qwen\w*(Config|Processor)' object has no attr",
        f"torch, vLLM or numpy come from builds that do not fit together: {SET_UP}.",
        (
            "ImportError: /env/vllm/_C.abi3.so: undefined symbol: _ZN3c104cuda9SetDeviceEab",
            "ImportError: libcudart.so.13: cannot open shared object file: No such file or "
            "directory",
            "ModuleNotFoundError: No module named 'vllm._C'",
            "RuntimeError: operator torchvision::nms does not exist",
            "RuntimeError: flashinfer-cubin version (0.5.2) does not match flashinfer version "
            "(0.6.1). Please install the same version of both packages.",
            "AssertionError: Torch not compiled with CUDA enabled",
            "ImportError: tokenizers>=0.22.0,<=0.23.0 is required for a normal functioning of this "
            "module, but found tokenizers==0.21.4.",
            "AttributeError: 'Qwen3VLTextConfig' object has no attribute 'rope_theta'",
        ),
    ),
    Rule(
        r"^ImportError: cannot import name '(?P<name>\w+)' from '(?P<package>[\w.]+)'",
        "The packages do not fit together ({package} has no {name}): " + SET_UP + ".",
        ("ImportError: cannot import name 'AutoModelForVision2Seq' from 'transformers' (x.py)",),
    ),
    Rule(
        r"PackageNotFoundError: (?:No package metadata was found for )?(?P<name>\S+)",
        f"The package {{name}} is not installed as it should be: {SET_UP}.",
        (
            "importlib.metadata.PackageNotFoundError: No package metadata was found for vllm",
            "importlib.metadata.PackageNotFoundError: vllm",
        ),
    ),
    Rule(
        r"Please install (?P<package>bitsandbytes)|No module named '(?P<other>bitsandbytes)",
        "{package}{other}, which this quantisation needs, is not installed: leave --quantization "
        "out, or serve a model in another quantisation.",
        (
            "ImportError: Please install bitsandbytes>=0.46.1 via `pip install "
            "bitsandbytes>=0.46.1` to use bitsandbytes quantizer.",
        ),
    ),
    Rule(
        r"^ModuleNotFoundError: No module named '(?P<module>[^']+)'",
        f"The package {{module}} is missing from this environment: {SET_UP}.",
        ("ModuleNotFoundError: No module named 'intel_extension_for_pytorch'",),
    ),
    # The driver and the card
    Rule(
        r"compiled with an unsupported toolchain|cudaErrorUnsupportedPtxVersion",
        "The driver is older than the CUDA that vLLM was built with and cannot translate its "
        "kernels: update it to one that knows CUDA 12.8 (570 or newer); a vLLM built with "
        "CUDA 13 needs 580.",
        (
            "torch.AcceleratorError: CUDA error: the provided PTX was compiled with an unsupported "
            "toolchain.",
        ),
    ),
    Rule(
        r"no kernel image is available|CUDA error: invalid device function",
        "This torch build has no kernels for your card. An RTX 5090 needs a build for CUDA 12.8 "
        "or newer: create the environment again from its file (README, On an RTX 5090).",
        ("RuntimeError: CUDA error: no kernel image is available for execution on the device",),
    ),
    Rule(
        r"Failed to infer device type|NVML Shared Library Not Found|"
        r"0 active drivers|libcuda\.so\.1: cannot open",
        say_no_card,
        (
            "RuntimeError: Failed to infer device type, please set the environment variable "
            "`VLLM_LOGGING_LEVEL=DEBUG` to turn on verbose logging to help debug the issue.",
            "RuntimeError: 0 active drivers ([]). There should only be one.",
            "ImportError: libcuda.so.1: cannot open shared object file: No such file or directory",
        ),
    ),
    Rule(
        r"NVIDIA driver on your system is too old \(found version (?P<version>\d+)\)",
        say_old_driver,
        ("RuntimeError: The NVIDIA driver on your system is too old (found version 12040).",),
    ),
    Rule(
        r"Driver/library version mismatch",
        DRIVER_CHANGED,
        ("pynvml.NVMLError_LibRmVersionMismatch: Driver/library version mismatch",),
    ),
    Rule(
        r"Error 80[34]: |unsupported display driver|forward compatibility was attempted",
        "The CUDA library and the driver are of different versions: take a `cuda/compat` folder "
        "out of LD_LIBRARY_PATH (containers set it), or update the driver and restart.",
        (
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda "
            "functions before calling NumCudaDevices() that might have already set an error? "
            "Error 804: forward compatibility was attempted on non supported HW",
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda "
            "functions before calling NumCudaDevices() that might have already set an error? "
            "Error 803: system has unsupported display driver / cuda driver combination",
        ),
    ),
    Rule(
        r"Error 500: named symbol not found",
        "CUDA did not start: on WSL2 update Windows' NVIDIA driver and WSL itself (`wsl --update`, "
        "then `wsl --shutdown`); elsewhere update the driver and restart the machine.",
        (
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda "
            "functions before calling NumCudaDevices() that might have already set an error? "
            "Error 500: named symbol not found",
        ),
    ),
    Rule(
        r"GPU is lost|fallen off the bus",
        "The driver has lost the card: restart the machine; if it comes back, "
        "`sudo dmesg | grep -i xid` tells more (power, heat, slot).",
        ("pynvml.NVMLError_GpuIsLost: GPU is lost",),
    ),
    Rule(
        r"driver version is insufficient|Unexpected error from cudaGetDeviceCount|"
        r"Found no NVIDIA driver|No CUDA GPUs are available|"
        r"CUDA unknown error|system not yet initialized",
        "CUDA did not start. Notebook 00's check says what is wrong with the driver; after an "
        "update restart the machine, and start a container with `--gpus all`.",
        (
            "RuntimeError: Found no NVIDIA driver on your system. Please check that you have",
            "RuntimeError: No CUDA GPUs are available",
            "torch.AcceleratorError: CUDA error: CUDA driver version is insufficient for CUDA "
            "runtime version",
        ),
    ),
    Rule(
        r"World size \((?P<cards>\d+)\) is larger than the number of available GPUs|"
        r"Unable to load Ray|invalid device ordinal",
        "The start asks for more cards than this machine has: leave --tensor-parallel-size out, "
        "or give the number of cards that nvidia-smi lists.",
        (
            "  Value error, World size (2) is larger than the number of available GPUs (1) in this "
            "node. If this is intentional and you are using:",
            "  Value error, Unable to load Ray: No module named 'ray'. Ray is required for "
            "multi-node inference, please install Ray with `pip install ray`. [type=value_error",
            "torch.AcceleratorError: CUDA error: invalid device ordinal",
        ),
    ),
    Rule(
        r"must be divisible by tensor parallel size \((?P<size>\d+)\)",
        "--tensor-parallel-size {size} does not divide the model's attention heads: take 1 or 2.",
        (
            "  Value error, Total number of attention heads (32) must be divisible by tensor "
            "parallel size (3). [type=value_error, input_value=ArgsKwargs((), {}), input_type=A]",
        ),
    ),
    Rule(
        r"is/are busy or unavailable",
        "Another program holds the card alone: end it (nvidia-smi lists it), or set the card's "
        "compute mode back with `nvidia-smi -c 0`.",
        ("torch.AcceleratorError: CUDA error: CUDA-capable device(s) is/are busy or unavailable",),
    ),
    Rule(
        r"CUDA error: (?P<what>an illegal memory access|device-side assert|unspecified launch|"
        r"uncorrectable ECC|misaligned address)",
        "A computation on the card failed ({what}): start the server again; if it comes back, "
        "`sudo dmesg | grep -i xid` tells whether it is the card or the driver.",
        ("torch.AcceleratorError: CUDA error: an illegal memory access was encountered",),
    ),
    Rule(
        r"Cannot re-initialize CUDA in forked subprocess",
        "CUDA was used before the engine was forked off: set "
        "VLLM_WORKER_MULTIPROC_METHOD=spawn before the start.",
        (
            "RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with "
            "multiprocessing, you must use the 'spawn' start method",
        ),
    ),
    Rule(
        r"before the current process has finished its bootstrapping phase",
        'A script that makes an engine needs `if __name__ == "__main__":` around what it runs, '
        "because the engine's process imports the script again.",
        (
            "RuntimeError: An attempt has been made to start a new process before the current "
            "process has finished its bootstrapping phase.",
        ),
    ),
    Rule(
        r"NCCL error|nccl\w*Error|libnccl\.so|Watchdog caught collective|watchdog thread term",
        "The cards' connection (NCCL) failed: NCCL_DEBUG=INFO tells why; start a container with "
        "`--ipc=host`, and try NCCL_P2P_DISABLE=1 with several cards.",
        (
            "RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for "
            "details)",
            "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:3356, "
            "unhandled cuda error, NCCL version 2.27.3",
            "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=8123, "
            "OpType=ALLREDUCE) ran for 600012 milliseconds before timing out.",
        ),
    ),
    Rule(
        r"EADDRINUSE|Address already in use \(addr=",
        "A port that vLLM's own processes use among themselves is held by another program: start "
        "it again, which takes another, and unset VLLM_PORT and MASTER_PORT.",
        (
            "torch.distributed.DistNetworkError: The server socket has failed to listen on any "
            "local network address. port: 41233, useIpv6: false, code: -98, name: EADDRINUSE, "
            "message: address already in use",
            "zmq.error.ZMQError: Address already in use (addr='tcp://127.0.0.1:41233')",
        ),
    ),
    Rule(
        r"Cannot assign requested address \(addr='\w+://(?P<ip>[^']+?):\d+'\)",
        "vLLM's processes are to meet at {ip}, which is no address of this machine now (a VPN, "
        "another network): start with VLLM_HOST_IP=127.0.0.1.",
        ("zmq.error.ZMQError: Cannot assign requested address (addr='tcp://10.8.0.2:41811')",),
    ),
    Rule(
        r"Gloo connectFullMesh|unsupported gloo device|client socket has timed out|"
        r"Unable to find address for|DistStoreError|DistNetworkError",
        "The processes of the engine do not reach each other over the network: set "
        "VLLM_HOST_IP=127.0.0.1 and GLOO_SOCKET_IFNAME=lo, and close a VPN.",
        (
            "RuntimeError: Gloo connectFullMesh failed with [../third_party/gloo/gloo/transport/"
            "tcp/pair.cc:144] no error",
            "torch.distributed.DistNetworkError: The client socket has timed out after 600000ms "
            "while trying to connect to (10.8.0.2, 36119).",
        ),
    ),
    # Compilers
    Rule(
        r"died due to signal 9|Killed signal terminated program|Killed\b.*\b(cc1plus|cicc|ptxas)",
        "The main memory ran out while kernels were compiled: start with MAX_JOBS=2, which "
        f"compiles fewer at a time, and {MEMORY}",
        (
            "nvcc error   : 'cicc' died due to signal 9 (Kill signal)",
            "g++: fatal error: Killed signal terminated program cc1plus",
        ),
    ),
    Rule(
        r"ptxas fatal .*'(?P<card>sm_\w+)'",
        "Triton's own compiler (ptxas) does not know this card ({card}): let TRITON_PTXAS_PATH "
        "name the ptxas of a newer CUDA toolkit, or start with --enforce-eager.",
        ("ptxas fatal   : Value 'sm_121a' is not defined for option 'gpu-name'",),
    ),
    Rule(
        r"Failed to preprocess host compiler|host compiler .*not found|No such file.*cc1plus|"
        r"cannot execute .cc1plus",
        "The CUDA compiler finds no C++ compiler that works: `sudo apt install build-essential`.",
        (
            "nvcc fatal   : Failed to preprocess host compiler properties.",
            "gcc: fatal error: cannot execute 'cc1plus': execvp: No such file or directory",
        ),
    ),
    Rule(
        r"fatal error: \S*(Python|pyconfig)\.h",
        "Python's headers are missing, which vLLM's compiling needs: "
        "`sudo apt install python3.12-dev` (the version of your Python).",
        ("/build/x/main.c:5:10: fatal error: Python.h: No such file or directory",),
    ),
    Rule(
        r"Could not find nvcc|CUDA_HOME environment variable is not set|'[^']*\bnvcc'|"
        r"'ninja'|nvcc: (not found|No such)|nvcc fatal|ptxas fatal|Ninja is required|"
        r"FlashInfer requires GPUs|error: identifier \"__nv|"
        r"No supported CUDA arch|unsupported GNU version|fatal error: (cuda|cub|cur|nv|crt/)",
        "This vLLM compiles kernels at its start, and the CUDA compiler (nvcc, ninja) is missing "
        "or too old for the card: " + COMPILER,
        (
            "RuntimeError: Could not find nvcc and default cuda_home='/usr/local/cuda' doesn't "
            "exist",
            "FileNotFoundError: [Errno 2] No such file or directory: 'ninja'",
            "FileNotFoundError: [Errno 2] No such file or directory: '/usr/local/cuda/bin/nvcc'",
            "nvcc fatal   : Unsupported gpu architecture 'compute_120a'",
            '/tmp/x.cu(12): error: identifier "__nv_fp4" is undefined',
            "RuntimeError: FlashInfer requires GPUs with sm75 or higher",
            "/bin/sh: 1: nvcc: not found",
            "/usr/local/cuda/include/crt/host_config.h:143:2: error: #error -- unsupported GNU "
            "version! gcc versions later than 13 are not supported!",
            "/tmp/x.cu:3:10: fatal error: cuda_runtime.h: No such file or directory",
        ),
    ),
    Rule(
        r"Failed to find C compiler|InvalidCxxCompiler|No working C\+\+ compiler|"
        r"directory: '(\S*/)?(gcc|cc|g\+\+|c\+\+)'|\b(gcc|cc|g\+\+|c\+\+): not found",
        "vLLM compiles code at its start and finds no C compiler: "
        "`sudo apt install build-essential`.",
        (
            "RuntimeError: Failed to find C compiler. Please specify via CC environment variable "
            "or set triton.knobs.build.impl.",
            "torch._inductor.exc.InvalidCxxCompiler: No working C++ compiler found in "
            "torch._inductor.config.cpp.cxx: (None, 'g++')",
            "FileNotFoundError: [Errno 2] No such file or directory: 'g++'",
        ),
    ),
    Rule(
        r"'_C(_utils)?' object has no attribute 'init_cpu_\w+'",
        "vLLM's CPU build did not load, most often for want of libnuma.so.1: `sudo apt install "
        "libnuma1`, then start again.",
        (
            "AttributeError: '_OpNamespace' '_C_utils' object has no attribute "
            "'init_cpu_threads_env'",
            "AttributeError: '_OpNamespace' '_C' object has no attribute 'init_cpu_memory_env'",
        ),
    ),
    Rule(
        r"libcuda\.so cannot found",
        "Triton finds no libcuda.so of the driver: `sudo ldconfig`, or let TRITON_LIBCUDA_PATH "
        "name its folder; start a container with `--gpus all`.",
        ("AssertionError: libcuda.so cannot found!",),
    ),
    Rule(
        r"ld: cannot find -l(?P<library>\w+)",
        "The compiler's linker finds no lib{library}: install it, or for lib{library} of a driver "
        "add its folder to LIBRARY_PATH.",
        ("/usr/bin/ld: cannot find -lcuda: No such file or directory",),
    ),
    Rule(
        r"fatal error: (?P<file>[^:]+): No such file",
        "The compiler finds no {file}: install the package that has this header "
        "(`sudo apt install build-essential`, or `apt-file search {file}`).",
        ("/tmp/x.cpp:3:10: fatal error: omp.h: No such file or directory",),
    ),
    Rule(
        r"'NoneType' object has no attribute 'size'",
        "vLLM took compiled code of another start from its cache: with pictures and without "
        "(--limit-mm-per-prompt) 0.32 looks for it under one name. Let VLLM_CACHE_ROOT name a new "
        "folder for this start.",
        ("AttributeError: 'NoneType' object has no attribute 'size'",),
        MEASURING,
        "torch/_dynamo/aot_compile",
    ),
    # Weights and files of the model
    Rule(
        r"PytorchStreamReader failed|JSONDecodeError|EOFError|UnpicklingError",
        "A file of the cache of compiled kernels is damaged: delete "
        "torch_compile_cache in ~/.cache/vllm or ~/.cache/vllm-0.32.0, and ~/.triton/cache, and "
        "start again.",
        (
            "RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central "
            "directory",
            "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        ),
        MEASURING,
    ),
    Rule(
        r"mmap .*from file </(?!torch_|dev/shm)|No such device \(os error 19\)",
        "The disk that a file lies on does not let it be read as memory, as some network disks "
        "do not: copy the model to a disk of this machine.",
        (
            "RuntimeError: unable to mmap 4967215360 bytes from file </mnt/nfs/models/"
            "model-00001-of-00002.safetensors>: No such device (19)",
            "OSError: No such device (os error 19)",
        ),
    ),
    Rule(
        r"\[Errno 5\]|Input/output error|os error 5\)",
        "A disk did not answer (input/output error): see with `sudo dmesg` whether it fails, or "
        "whether the network disk is gone, and copy the model to another disk.",
        ("OSError: [Errno 5] Input/output error",),
    ),
    Rule(
        r"gated repo|Access to model \S+ is restricted",
        say_gated,
        ("OSError: You are trying to access a gated repo.",),
    ),
    Rule(
        r"CERTIFICATE_VERIFY_FAILED|SSLError|certificate verify failed",
        NO_TRUST,
        (
            "requests.exceptions.SSLError: (MaxRetryError(\"HTTPSConnectionPool(host='hub.example',"
            " port=443): Max retries exceeded with url: /config.json (Caused by SSLError("
            "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify",
        ),
    ),
    Rule(
        r"429 Client Error|Too Many Requests",
        "The hub refuses for now, it was asked too often: wait, or serve the folder that notebook "
        "01 names, which asks no hub.",
        ("huggingface_hub.errors.HfHubHTTPError: 429 Client Error: Too Many Requests for url: x",),
    ),
    Rule(
        r"Unrecognized model in (?P<model>\S+?)\. Should|No supported config format found in "
        r"(?P<folder>\S+?)\.?$|^OSError: (?P<other>\S+) does not appear to have a file named "
        r"config\.json",
        "{model}{folder}{other} has no config.json that names its model type, so it is no model's "
        "folder, an adapter's alone, or not whole: verify_folder (notebook 01) names what is "
        "missing, and download_model fetches it.",
        (
            "ValueError: Unrecognized model in models/x. Should have a `model_type` key in its "
            "config.json, or contain one of the following strings in its name: albert, align",
            "  Value error, Unrecognized model in models/x. Should have a `model_type` key in its "
            "config.json.",
            "ValueError: No supported config format found in models/Qwen.",
            "OSError: models/mylora does not appear to have a file named config.json. Checkout",
        ),
    ),
    Rule(
        r"^OSError: (?P<folder>\S+) does not appear to have a file named (?P<file>\S+?)\.(\s|$)",
        f"{{folder}} has no {{file}}: {DAMAGED}",
        (
            "OSError: models/x does not appear to have a file named preprocessor_config.json. "
            "Checkout 'https://hub.example/models/x/tree/main' for available files.",
        ),
    ),
    Rule(
        r"RepositoryNotFoundError|Repository Not Found|40[14] Client Error",
        "The hub has no model of this name, or not without a log-in: check the spelling, or serve "
        "the folder that notebook 01 names.",
        ("huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: R=1)",),
    ),
    Rule(
        r"^Exception: .+ at line \d+ column \d+$|untagged enum ModelWrapper",
        f"The model's tokenizer.json is damaged or not whole: {DAMAGED}",
        (
            "Exception: EOF while parsing a value at line 264 column 2",
            "Exception: expected value at line 1 column 1",
            "Exception: data did not match any variant of untagged enum ModelWrapper at line "
            "757443 column 3",
        ),
    ),
    Rule(
        r"JSONDecodeError|UnicodeDecodeError",
        "A JSON file of the model is damaged or not whole, such as tokenizer.json or "
        f"tokenizer_config.json: {DAMAGED}",
        (
            "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line "
            "1 column 2 (char 1)",
        ),
        (*BEFORE_LOADING, *LOADING),
        context="transformers|model_loader",
    ),
    Rule(
        r"Converting from SentencePiece and Tiktoken failed",
        NO_TOKENIZER,
        ("ValueError: Converting from SentencePiece and Tiktoken failed, if a converter for",),
    ),
    Rule(
        r"expected str, bytes or os\.PathLike object, not NoneType",
        NO_TOKENIZER,
        ("TypeError: expected str, bytes or os.PathLike object, not NoneType",),
        (*BEFORE_LOADING, *LOADING),
        context="transformers",
    ),
    Rule(
        r"SafetensorError|MetadataIncompleteBuffer|InvalidHeader|invalid header length|"
        r"header too (small|large)|directory: '\S+\.safetensors'|PytorchStreamReader failed",
        "A weight file is damaged or not whole: verify_folder (notebook 01) names it, and "
        "download_model fetches it again.",
        (
            "safetensors_rust.SafetensorError: Error while deserializing header: incomplete "
            "metadata, file not fully covered",
            "safetensors_rust.SafetensorError: Error while deserializing header: "
            "MetadataIncompleteBuffer",
            "safetensors_rust.SafetensorError: Error while deserializing header: invalid header "
            "length",
            "safetensors_rust.SafetensorError: Error while deserializing header: header too small",
            "FileNotFoundError: [Errno 2] No such file or directory: '/m/model-00002-of-00002."
            "safetensors'",
        ),
    ),
    Rule(
        r"(?:Cannot find any|No) model weights (?:with|found in:?) `(?P<folder>[^`]+)`",
        "There are no weight files in {folder}: notebook 01 downloads the model.",
        ("RuntimeError: Cannot find any model weights with `/models/Qwen/Qwen3-VL-4B-Instruct`",),
    ),
    Rule(
        r"weights were not initialized from checkpoint|^KeyError: '\S*layers\.\d|"
        r"Attempted to load weight|"
        r"There is no module or parameter named",
        "The weight files do not belong to this config.json: verify_folder (notebook 01) names "
        "what differs, and download_model fetches it again.",
        (
            "KeyError: 'layers.0.mlp.experts.0.gate_proj.weight'",
            "ValueError: Following weights were not initialized from checkpoint: {'lm.norm'}",
            "AssertionError: Attempted to load weight (torch.Size([320, 64])) into parameter "
            "(torch.Size([151936, 2560]))",
        ),
    ),
    Rule(
        r"(?:Can't load (?:the configuration of|tokenizer for|(?:the )?(?:image |video )?"
        r"(?:processor|feature extractor) for)|local directory specified:|Repo id must .*?:) "
        r"'(?P<model>[^']+)'|^OSError: (?P<folder>\S+) is not a local folder",
        "There is no model in {model}{folder}, or files of it are missing. Notebook 01 downloads "
        "the model and says where.",
        (
            "OSError: Can't load the configuration of '/models/x'. If you were trying to load it",
            "  Value error, Invalid repository ID or local directory specified: 'media'.",
            "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or "
            "'namespace/repo_name': '/nowhere/model'. Use `repo_type` argument if needed.",
            "OSError: Can't load tokenizer for '/models/x'. If you were trying to load it from",
            "OSError: Can't load image processor for '/models/x'. If you were trying to load it",
        ),
    ),
    Rule(
        r"Tokenizer class (?P<name>\w+) does not exist|Received a (?P<other>\w+) for argument tok",
        "The model's tokenizer is of a class that does not fit here ({name}{other}), as newer "
        "transformers write it: download_model (notebook 01) fetches the model's own files again.",
        (
            "ValueError: Tokenizer class TokenizersBackend does not exist or is not currently "
            "imported.",
            "TypeError: Received a PreTrainedTokenizerFast for argument tokenizer, but a "
            "Qwen2TokenizerFast was expected.",
        ),
    ),
    Rule(
        r"Couldn't instantiate the backend tokenizer",
        "The tokenizer's files are missing or damaged: verify_folder (notebook 01) names what "
        "differs, and download_model fetches it again.",
        ("ValueError: Couldn't instantiate the backend tokenizer from one of:",),
    ),
    Rule(
        r"config file at '(?P<file>[^']+)' is not a valid JSON",
        "A file of the model is damaged ({file}): verify_folder (notebook 01) names what differs, "
        "and download_model fetches it again.",
        (
            "OSError: It looks like the config file at '/models/x/config.json' is not a valid "
            "JSON file.",
        ),
    ),
    Rule(
        r"couldn't connect to '|LocalEntryNotFoundError|offline mode is enabled|ConnectError: |"
        r"(Connect|Read)Timeout: |"
        r"Max retries exceeded|Temporary failure in name resolution|Failed to resolve|"
        r"\[Errno 101\]",
        say_no_hub,
        (
            "OSError: We couldn't connect to 'https://hub.example' to load the files, and couldn't "
            "find them in the cached files.",
            "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached "
            "snapshot folder for the specified revision on the local disk",
            "httpx.ConnectError: [Errno 101] Network is unreachable",
        ),
    ),
    Rule(
        r"trust_remote_code=True|requires you to execute",
        "This model brings code of its own, which vLLM runs only with --trust-remote-code: serve "
        "another model, or read that code before you allow it.",
        (
            "RuntimeError: Failed to load the model config. If the model is a custom model not yet "
            "available in the HuggingFace transformers library, consider setting "
            "`trust_remote_code=True` in LLM or using the `--trust-remote-code` flag in the CLI.",
        ),
    ),
    # Memory
    Rule(
        r"when warming up (sampler|pooler) with (?P<requests>\d+)",
        "The card ran out of memory when the sampler was tried with {requests} requests: lower "
        "--max-num-seqs.",
        (
            "RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy "
            "requests. Please try lowering `max_num_seqs` or `gpu_memory_utilization` when "
            "initializing the engine.",
        ),
    ),
    Rule(
        rf"({OUT_OF_MEMORY}).*Process \d+ has (?P<size>[\d.]+) GiB memory in use",
        say_other_program,
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a "
            "total capacity of 23.53 GiB of which 3.06 MiB is free. Process 991 has 23.10 GiB "
            "memory in use.",
        ),
    ),
    Rule(
        OUT_OF_MEMORY,
        "The card was full before the model was read, so another program uses it: end it "
        "(nvidia-smi lists it; `make stop` ends a server of the course), and start again.",
        ("torch.AcceleratorError: CUDA error: out of memory",),
        BEFORE_LOADING,
        context=r"vLLM (API )?server version|█  version \d",
    ),
    Rule(
        r"Error in memory profiling",
        "Another program gave memory of the card back while vLLM measured its own: start again "
        "when the card is quiet (nvidia-smi).",
        (
            "AssertionError: Error in memory profiling. Initial free memory 20.11 GiB, current "
            "free memory 22.63 GiB.",
        ),
    ),
    Rule(
        OUT_OF_MEMORY,
        "The weights alone do not fit into this card: serve a smaller or a quantised model "
        "(notebook 00 works out what fits), or close what else uses the card.",
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 84.00 MiB. GPU 0 has a "
            "total capacity of 15.48 GiB of which 21.06 MiB is free.",
        ),
        LOADING,
    ),
    Rule(
        OUT_OF_MEMORY,
        say_too_large,
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.93 GiB.",),
        MEASURING,
    ),
    Rule(
        OUT_OF_MEMORY,
        "The card ran out of memory while working. Lower --gpu-memory-utilization, which leaves "
        "more room beside vLLM's own budget, or close what else uses the card.",
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.",
            "torch.AcceleratorError: CUDA error: out of memory",
            "RuntimeError: CUDA driver error: out of memory",
        ),
    ),
    Rule(
        r"To serve at least one request.*?max seq len \((?P<asked>\d+)\).*?"
        r"estimated maximum model length is (?P<fits>\d+)",
        "The KV cache has room for {fits} tokens, but --max-model-len asks for {asked}. Lower "
        "--max-model-len to {fits}, or give the cache more memory: a higher "
        "--gpu-memory-utilization on a card, a larger VLLM_CPU_KVCACHE_SPACE on a CPU.",
        (
            "ValueError: To serve at least one request with the models's max seq len (262144), "
            "(36.00 GiB KV cache is needed, which is larger than the available KV cache memory "
            "(15.04 GiB). Based on the available memory, the estimated maximum model length is "
            "109504. Try increasing `gpu_memory_utilization` or decreasing `max_model_len`",
        ),
    ),
    Rule(
        r"To serve at least one request.*?max seq len \((?P<asked>\d+)\), \((?P<needs>[\d.]+) GiB"
        r".*?memory \((?P<has>[\d.]+) GiB\)",
        "One request of --max-model-len {asked} needs {needs} GiB of KV cache, and there are {has} "
        "GiB. Lower --max-model-len, or give the cache more memory.",
        (
            "ValueError: To serve at least one request with the model's max seq len (262144), "
            "(36.0 GiB KV cache is needed, which is larger than the available KV cache memory "
            "(0.01 GiB). Try increasing `gpu_memory_utilization`",
        ),
    ),
    Rule(
        r"No available memory for the cache blocks|To serve at least one request",
        say_no_cache,
        (
            "ValueError: No available memory for the cache blocks. Try increasing "
            "`gpu_memory_utilization` when initializing the engine.",
        ),
    ),
    Rule(
        r"Free memory on device[^(]*\((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\)",
        "Only {free} of the card's {total} GiB are free, less than --gpu-memory-utilization asks "
        "for. Close what else uses the card (nvidia-smi lists it) or lower "
        "--gpu-memory-utilization.",
        (
            "ValueError: Free memory on device (20.1/31.4 GiB) on startup is less than desired GPU "
            "memory utilization (0.9, 28.26 GiB).",
            "ValueError: Free memory on device cuda:0 (20.1/31.4 GiB) on startup is less than",
        ),
    ),
    Rule(
        r"Available memory on node \S+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\)",
        "Only {free} of {total} GiB of main memory are free, less than vLLM asks for: close other "
        "programs, lower VLLM_CPU_KVCACHE_SPACE, or lower --gpu-memory-utilization, which on a "
        "CPU means main memory.",
        (
            "ValueError: Available memory on node 0 (3.1/15.6 GiB) on startup is less than desired "
            "CPU memory utilization (0.92, 14.4 GiB).",
        ),
    ),
    Rule(
        r"DefaultCPUAllocator: can't allocate|\bMemoryError\b|Cannot allocate memory|bad_alloc",
        f"The main memory ran out: {MEMORY} On a CPU lower VLLM_CPU_KVCACHE_SPACE too.",
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: "
            "can't allocate memory: you tried to allocate 4294967296 bytes.",
            "OSError: [Errno 12] Cannot allocate memory",
            "MemoryError",
        ),
    ),
    Rule(
        r"No space left.*(/dev/shm|psm_)|/dev/shm.*No space left|torch_shm_manager|^Bus error|"
        r"unable to (write to|mmap .*) file </torch",
        "The shared memory (/dev/shm) is too small: start the container with `--ipc=host` or "
        "`--shm-size=8g`.",
        (
            "OSError: [Errno 28] No space left on device: '/dev/shm/psm_1'",
            "RuntimeError: unable to write to file </torch_17_3>: No space left on device (28)",
        ),
    ),
    # The machine's disk, ports and rights
    Rule(
        r"\[Errno (28|122)\]|No space left on device|Disk quota exceeded",
        "The disk is full: make room, and see with `df -h` which one it is; VLLM_CACHE_ROOT and "
        "TMPDIR put vLLM's files on another.",
        (
            "OSError: [Errno 28] No space left on device",
            "OSError: [Errno 122] Disk quota exceeded: '/home/you/.cache/vllm'",
        ),
    ),
    Rule(
        r"(?:\[Errno (?:13|30)\][^:]*: '|PermissionError at |Permission denied \(addr='ipc://)"
        r"(?P<path>[^'\s]+)",
        say_forbidden,
        (
            "PermissionError: [Errno 13] Permission denied: '/home/you/.cache/vllm/modelinfos'",
            "OSError: [Errno 30] Read-only file system: '/opt/cache'",
            "PermissionError: [Errno 13] Permission denied: '/dev/shm/psm_1a2b'",
            "OSError: PermissionError at /root/.cache/huggingface/hub/models--x when downloading",
            "zmq.error.ZMQError: Permission denied (addr='ipc:///tmp/9d8a')",
        ),
    ),
    Rule(
        r"\[Errno 13\]|\[Errno 1\] Operation not permitted",
        "The system does not allow it; a port below 1024 belongs to root: take another, such as "
        "8085.",
        ("PermissionError: [Errno 13] Permission denied",),
    ),
    Rule(
        r"[Aa]ddress already in use",
        "The port was taken: another program holds it, such as a server that still runs "
        "(`make stop`) or another user's (`ss -ltnp` lists them). End that one, or take another "
        "port: --port, in the course COURSE_BASE_URL (README).",
        ("OSError: [Errno 98] Address already in use",),
    ),
    Rule(
        r"\[Errno 99\]|Cannot assign requested address",
        NO_HOST,
        ("OSError: [Errno 99] Cannot assign requested address",),
    ),
    Rule(
        r"Name or service not known|gaierror",
        say_no_name,
        ("socket.gaierror: [Errno -2] Name or service not known",),
    ),
    Rule(
        r"port must be 0-65535",
        "There is no such port: take one from 1024 to 65535.",
        ("OverflowError: bind(): port must be 0-65535.",),
    ),
    Rule(
        r"ipc path .*longer than (?P<most>\d+) characters|AF_UNIX path too long",
        "The folder for temporary files has too long a name for vLLM's sockets: start with "
        "`TMPDIR=/tmp`.",
        (
            'zmq.error.ZMQError: ipc path "/long/9d8a" is longer than 107 characters '
            "(sizeof(sockaddr_un.sun_path)).",
            "OSError: AF_UNIX path too long",
        ),
    ),
    Rule(
        r"\[Errno 24\]|Too many open files",
        "Too many files are open: raise the limit with `ulimit -n 65536` before the start.",
        ("OSError: [Errno 24] Too many open files",),
    ),
    Rule(
        r"can't start new thread|Resource temporarily unavailable|RLIMIT_NPROC|"
        r"pthread_create failed|libgomp: Thread creation failed",
        "The system allows no more processes or threads: raise the limit (`ulimit -u unlimited`; a "
        "container: `--pids-limit -1`), or start with OMP_NUM_THREADS=4.",
        (
            "RuntimeError: can't start new thread",
            "BlockingIOError: [Errno 11] Resource temporarily unavailable",
            "OpenBLAS blas_thread_init: pthread_create failed for thread 15 of 64: Resource "
            "temporarily unavailable",
        ),
    ),
    Rule(
        r"^\S*sh: .*\bvllm: (command )?not found",
        f"The environment with vLLM is not active: `source .venv/bin/activate`, or {SET_UP}.",
        ("/bin/sh: 1: vllm: not found",),
    ),
    Rule(
        r"GLIBC\w*_[\d.]+' not found",
        "This Linux is too old for vLLM's build: take Ubuntu 22.04 or newer, or a container.",
        (
            "ImportError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.32' not found "
            "(required by /env/vllm/_C.abi3.so)",
        ),
    ),
    Rule(
        r"ImportError: (?P<library>lib[\w.+-]+): cannot open shared object",
        "The system's library {library} is missing: install it with apt (libGL.so.1 is in libgl1, "
        "libnuma.so.1 in libnuma1).",
        ("ImportError: libGL.so.1: cannot open shared object file: No such file or directory",),
    ),
    # Flags
    Rule(
        r"error: unrecognized arguments: (?P<words>.+)",
        "This vLLM does not know {words}. Check the spelling: `vllm serve --help=max-model-len` "
        "shows the flags with these words in their name, `vllm serve --help=all` shows all.",
        ("vllm: error: unrecognized arguments: --max-model-lenn 8192",),
    ),
    Rule(
        r"error: ambiguous option: (?P<word>\S+) could match (?P<flags>.+)",
        "{word} is the beginning of several flags: write one of {flags} in full.",
        (
            "vllm serve: error: ambiguous option: --max-num could match "
            "--max-num-batched-tokens, --max-num-seqs",
        ),
    ),
    Rule(
        r"error: argument (?P<flag>--[\w-]+)\S*: Value (?P<pairs>\w+=\d+(,\w+=\d+)*) cannot",
        say_json_form,
        (
            "vllm serve: error: argument --limit-mm-per-prompt: Value image=5,video=5 cannot be "
            "converted to <function loads at 0x7f50c1d2d440>.",
        ),
    ),
    Rule(
        r"error: argument (?P<flag>--[\w-]+)\S*: Value (?P<value>.+) cannot be converted to <func",
        "{flag} takes JSON and not {value}: names in double quotes, the whole in single ones for "
        "the shell, as in `--limit-mm-per-prompt '{\"image\": 4}'`.",
        (
            "vllm serve: error: argument --limit-mm-per-prompt: Value {'image': 4} cannot be "
            "converted to <function loads at 0x7f86063342c0>.",
        ),
    ),
    Rule(
        r"error: argument (?P<words>--kv-cache-dtype.+)",
        "vLLM does not accept this value: {words}. On a card it knows fp8 and auto; leave the flag "
        "out on a CPU.",
        ("vllm serve: error: argument --kv-cache-dtype: invalid choice: 'fp7' (choose from auto)",),
    ),
    Rule(
        r"error: argument (?P<words>.+)",
        "vLLM does not accept this value: {words}.",
        ("vllm serve: error: argument --max-model-len: Value many cannot be converted",),
    ),
    Rule(
        r"max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len "
        r"\(max_position_embeddings=(?P<most>\d+)",
        "--max-model-len {asked} is more than the model can do, {most} tokens. Lower it.",
        (
            "  Value error, User-specified max_model_len (300000) is greater than the derived "
            "max_model_len (max_position_embeddings=262144 or model_max_length=None in model's "
            "config.json). To allow overriding this maximum, set the env var",
        ),
    ),
    Rule(
        r"[Uu]tilization must be less than 1|gpu_memory_utilization: Input should be",
        "--gpu-memory-utilization is a share of the card's memory: give a number below 1, such as "
        "0.90.",
        (
            "  Value error, GPU memory utilization must be less than 1.0. Got 2.0. [type=value_err",
            "gpu_memory_utilization: Input should be less than or equal to 1 [type=less_than_equal",
        ),
    ),
    Rule(
        r"max_num_batched_tokens \((?P<batch>\d+)\) is smaller than max_model_len "
        r"\((?P<length>\d+)\)",
        "--max-num-batched-tokens {batch} must be at least --max-model-len {length} here: raise "
        "it, or lower the length.",
        (
            "  Value error, max_num_batched_tokens (2048) is smaller than max_model_len (16384). "
            "This effectively limits the maximum sequence length to max_num_batched_tokens",
        ),
    ),
    Rule(
        r"max_num_batched_tokens \((?P<batch>\d+)\) must be greater than or equal to max_num_seqs "
        r"\((?P<requests>\d+)\)",
        "--max-num-batched-tokens {batch} must be at least --max-num-seqs {requests}: raise it, or "
        "lower the other.",
        (
            "  Value error, max_num_batched_tokens (8) must be greater than or equal to "
            "max_num_seqs (128). [type=value_error, input_value=ArgsKwargs((), {}), input_type=A]",
        ),
    ),
    Rule(
        r"(?P<words>Bfloat16 is only supported on GPUs with compute capability of at least \d\.\d)",
        "{words}, and this card is older: start with --dtype half.",
        (
            "  Value error, Bfloat16 is only supported on GPUs with compute capability of at least "
            "8.0. Your Tesla T4 GPU has compute capability 7.5. You can use float16 instead by "
            "explicitly setting the `dtype` flag in CLI, for example: --dtype=half.",
            "  Value error, Bfloat16 is only supported on GPUs with compute capability of at least "
            "8.0.",
        ),
    ),
    Rule(
        r"quantization method (?P<method>\S+) is not supported for the current GPU\. Minimum "
        r"capability: (?P<least>\d+)\. Current capability: (?P<has>\d+)",
        "The card is too old for {method} weights (type {has}, they need {least}): serve another "
        "quantisation, or the model without one.",
        (
            "ValueError: The quantization method modelopt is not supported for the current GPU. "
            "Minimum capability: 89. Current capability: 86.",
        ),
    ),
    Rule(
        r"Unknown quantization method: (?P<method>\S+?)\.|config file for (?P<fourth>\w+) \[|"
        r"method specified in the `quantization` argument \((?P<other>\w+)\)|"
        r"^\s*Value error, (?P<third>\w+) quantization is currently not supported in",
        "--quantization {method}{other}{third}{fourth} does not fit this model or this vLLM: leave "
        "the flag out, vLLM reads from the model's config how it is quantised.",
        (
            "  Value error, Unknown quantization method: awqq. Must be one of ['awq', 'fp8'].",
            "  Value error, Quantization method specified in the model config (fp8) does not match "
            "the quantization method specified in the `quantization` argument (awq).",
            "  Value error, awq quantization is currently not supported in cpu. [type=value_error",
            "  Value error, Cannot find the config file for awq [type=value_error, input_value=A",
        ),
    ),
    Rule(
        r"(?P<dtype>torch\.\w+) is not supported for quantization method (?P<method>\w+)",
        "{method} weights do not work with {dtype}: leave --dtype out, or give bfloat16.",
        (
            "  Value error, torch.float32 is not supported for quantization method awq. Supported "
            "dtypes: [torch.float16]",
        ),
    ),
    Rule(
        r"not compatible with FP8 KV cache|Unknown kv cache dtype|KV cache is not supported|"
        r"kv_cache_dtype not supported'\]|type fp8e\w+ not supported",
        "This machine cannot do fp8 in that form: leave --kv-cache-dtype out (and serve no FP8 "
        "weights, if it comes back).",
        (
            "RuntimeError: Chunked-prefill and prefix-cache on the CPU backend is not compatible "
            "with FP8 KV cache.",
            "NotImplementedError: fp8_e4m3 KV cache is not supported on CPU",
            "ValueError: Selected backend AttentionBackendEnum.FLASH_ATTN is not valid for this "
            "configuration. Reason: ['kv_cache_dtype not supported']",
        ),
    ),
    Rule(
        r"No valid attention backend found|Selected backend .* is not valid|"
        r"Invalid (value|attention backend).*(ATTN|FLASH)",
        "No attention kernel of this vLLM fits these settings: leave out --dtype, "
        "--kv-cache-dtype, --block-size and --attention-backend, and unset "
        "VLLM_ATTENTION_BACKEND.",
        (
            "ValueError: No valid attention backend found for cuda with AttentionSelectorConfig("
            "head_size=128, dtype=torch.float32, kv_cache_dtype=fp8_e5m2, block_size=16).",
            "ValueError: Invalid attention backend: 'FLASHATTN'. Valid backends are: FLASH_ATTN",
        ),
    ),
    Rule(
        r"LoRA rank (?P<rank>\d+) is greater than max_lora_rank",
        "The adapter has rank {rank}: start with --max-lora-rank {rank}, or the next of 8, 16, 32, "
        "64, 128, 256.",
        ("ValueError: LoRA rank 64 is greater than max_lora_rank 16.",),
    ),
    Rule(
        r"Loading lora (?P<name>\S+) failed: No adapter found for (?P<folder>\S+)",
        "There is no adapter in {folder}: correct the path of --lora-modules {name}=…, a folder "
        "with adapter_config.json in it.",
        ("ValueError: Loading lora blue failed: No adapter found for /models/lora/blue",),
    ),
    Rule(
        r"While loading (?P<folder>\S+), expected target modules",
        "The adapter in {folder} changes parts of the model that this vLLM does not adapt, such as "
        "those that see: train it on the language part alone, or merge it into the weights "
        "(merge_and_unload of peft).",
        (
            "RuntimeError: Call to add_lora method failed: While loading /models/lora/blue, "
            "expected target modules in ['q_proj'] but received ['visual.blocks.0.attn.qkv'].",
        ),
    ),
    Rule(
        r"invalid reasoning parser: (?P<name>\S+)",
        "There is no reasoning parser {name}: leave --reasoning-parser out, Qwen3-VL-Instruct "
        "does not think aloud (the Thinking models take qwen3 or deepseek_r1).",
        ("KeyError: 'invalid reasoning parser: qwen (chose from { deepseek_r1,qwen3 })'",),
    ),
    Rule(
        r"Invalid `--allowed-local-media-path`: The path (?P<path>.+) (does not|must be)",
        "--allowed-local-media-path names {path}, which is no folder of this machine: make it, or "
        "leave the flag out.",
        ("ValueError: Invalid `--allowed-local-media-path`: The path /data/x does not exist.",),
    ),
    Rule(
        r"set to FLASHINFER, but flashinfer",
        "VLLM_ATTENTION_BACKEND asks for FlashInfer, which is not installed: unset it.",
        (
            "  Value error, VLLM_ATTENTION_BACKEND is set to FLASHINFER, but flashinfer module was "
            "not found. See",
        ),
    ),
    Rule(
        r"enable-auto-tool-choice requires --tool-call-parser|invalid tool call parser",
        "For tools start with `--enable-auto-tool-choice --tool-call-parser hermes` (Qwen3-VL's "
        "form).",
        (
            "TypeError: Error: --enable-auto-tool-choice requires --tool-call-parser",
            "KeyError: 'invalid tool call parser: hermess (chose from { deepseek_v3,granite })'",
        ),
    ),
    Rule(
        r"[Cc]hat template .*(appears path-like|looks like a file path)",
        "The file of --chat-template is not there: correct the path, or leave the flag out, the "
        "model brings its own.",
        (
            "ValueError: The supplied chat template string (/nowhere/x.jinja) appears path-like, "
            "but doesn't exist!",
        ),
    ),
    Rule(
        r"TemplateSyntaxError: (?P<words>.+)",
        "The chat template has a fault ({words}): correct the file of --chat-template, or leave "
        "the flag out, the model brings its own.",
        ("jinja2.exceptions.TemplateSyntaxError: unexpected '}', expected ')'",),
    ),
    Rule(
        r"Timeout waiting for engine|Timed out waiting for engine",
        "The engine was not ready in vLLM's own time: a slow disk, or a first start that compiles; "
        "start it again, with a larger VLLM_ENGINE_READY_TIMEOUT_S.",
        (
            "TimeoutError: Timed out waiting for engine core processes to start. This is often "
            "caused by slow weight loading for large models.",
        ),
    ),
    # What ends a server that was ready
    Rule(
        r"^\s*what\(\): +(?P<words>.*\w.*)",
        "A part in C++ broke off (abort): {words}. Start it again; if it comes back, leave out the "
        "request that came last.",
        ("  what():  Trying to create tensor with negative dimension -3: [-3]",),
    ),
    Rule(
        r"No valid structured output parameter found",
        'A request asked for a form of reply that vLLM 0.11 cannot read: response_format={"type": '
        '"text"}, a json_schema without its schema, or structured_outputs without a constraint, as '
        '{}, {"json_object": false} or the misspelt {"choices": …} (right: choice). Leave it out '
        "of the requests.",
        ("ValueError: No valid structured output parameter found",),
    ),
    Rule(
        r"cpp/(json_schema_converter|regex_converter|grammar_parser)\S*: |"
        r"grammar is not of valid supported types",
        NO_GRAMMAR,
        (
            "RuntimeError: [07:38:40] /project/cpp/json_schema_converter.cc:2181: items must be a "
            "boolean or an object",
            "RuntimeError: [07:42:50] /project/cpp/json_schema_converter.cc:3460: Check failed: "
            "(err.empty()) is false: Failed to parse JSON: syntax error at line 1 near: ",
        ),
    ),
    Rule(
        r"JSONDecodeError",
        NO_GRAMMAR,
        ("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",),
        ("opening the API",),
        context="structured_output/backend_xgrammar",
    ),
    Rule(
        r"Attempted to assign .* multimodal tokens to \d+ placeholders|"
        r"^IndexError: (list )?index .*out of",
        "A text in a request holds one of the model's own markers, such as <|image_pad|>, and vLLM "
        "0.11 looks for a picture that is not there: check_text finds them, so leave "
        "them out.",
        (
            "ValueError: Attempted to assign 64 = 64 multimodal tokens to 65 placeholders",
            "IndexError: list index out of range",
        ),
        context=r"Attempted to assign|get_input_positions_tensor",
    ),
    Rule(
        r"The size of tensor a \(\d+\) must match the size of tensor b",
        "On vLLM 0.11 a picture ends an engine that has LoRA adapters: merge the adapter into the "
        "weights first (merge_and_unload of peft), or send text alone.",
        (
            "RuntimeError: The size of tensor a (384) must match the size of tensor b (128) at "
            "non-singleton dimension 1",
        ),
        context="vllm/lora|enable_lora|--enable-lora",
    ),
    Rule(
        r"Sliding window unsupported",
        "Several conversations with a common beginning meet a fault of the CPU's attention: start "
        "with PAGED_ATTENTION_SINGLE_QUERY_KERNEL=1 in the environment, as the course's cpu place "
        "does.",
        ("RuntimeError: Sliding window unsupported",),
    ),
    Rule(
        r"CPU Generator does not use offset",
        "A request with a seed was read in pieces, which this CPU build cannot do: start with "
        "--max-num-batched-tokens 65536, as the course's cpu place does, or send no seed.",
        ("RuntimeError: CPU Generator does not use offset",),
    ),
    Rule(
        r"logits must be of type float32",
        "A request asked for a fixed form of reply, which this CPU build gives in float32 alone: "
        "start with --dtype float32.",
        ("ValueError: logits must be of type float32",),
    ),
)

# Asked when no other rule knows a line.
LAST_RULES = (
    Rule(
        r"^\s*Value error, (?P<words>.+?)(?: \[type=|$)",
        "vLLM refuses these settings: {words}",
        ("  Value error, Sleep mode is not supported on current platform. [type=value_error, in",),
    ),
    Rule(
        r"^(?P<field>[\w.]+): (?P<words>(?:Input should|Field required|Extra inputs|Unexpected)"
        r".*?) \[type=",
        "vLLM refuses these settings: {field}: {words}.",
        (
            "cudagraph_modee: Unexpected keyword argument [type=unexpected_keyword_argument, inp",
            "max_logprobs: Input should be greater than 0 [type=greater_than, input_value=-3",
        ),
    ),
)

# A signal that ended a process: what it means.
SIGNALS = {
    9: f"The system killed the process, most often because the main memory ran out: {MEMORY}",
    2: "It was stopped from outside: ctrl-C, `make stop`, or another notebook.",
    15: "It was stopped from outside: `make stop`, another notebook, or a shutdown.",
    1: "It was stopped from outside: the terminal that it ran in was closed.",
    4: "The processor lacks an instruction that this build uses: it needs AVX2 at least, and in a "
    "virtual machine the host's processor type.",
    6: "The process broke off by itself (SIGABRT): the lines above the end of its log say why.",
    7: "The shared memory (/dev/shm) is too small or the disk is full: start a container with "
    "`--ipc=host` or `--shm-size=8g`.",
    11: "The process crashed (segmentation fault), which no learner causes: start it again; if it "
    "comes back, run the set-up again and check the driver (notebook 00).",
}

# What each stage waits for when it does not end.
FIRST = "The first start after an installation reads and compiles thousands of files"
WAITS = {
    "starting Python": f"{FIRST}: on a slow or network disk that takes minutes.",
    "importing vLLM": f"{FIRST}: on a slow or network disk that takes minutes.",
    "reading the model's configuration": "It reads the model's files; a model that is named and "
    "is no folder it asks a hub for, which can hang: give it the folder of notebook 01.",
    "starting the engine process": "The processes of the engine look for each other: a VPN or a "
    "firewall can be in the way (VLLM_HOST_IP=127.0.0.1), with several cards NCCL "
    "(NCCL_DEBUG=INFO tells).",
    "loading the weights": "It reads the weights: a network disk, or Windows' disk under WSL2 "
    "(/mnt/c), is slow; copy the model to a disk of Linux.",
    "measuring what a request needs at most": "It computes the largest picture or clip; the first "
    "time a new card's driver compiles kernels for that, for a minute or more.",
    "compiling the model": "torch.compile takes minutes the first time on a slow processor, and "
    "later starts use its files: allow more time, or start with --enforce-eager.",
    "setting up the KV cache": "It reserves the memory of the KV cache, and then captures graphs.",
    "capturing CUDA graphs": "Graphs take a minute at most on a free card: see with nvidia-smi "
    "what else uses it, or start with --enforce-eager.",
    "opening the API": "The engine is ready, and the address does not answer: a proxy may be in "
    "between (NO_PROXY=127.0.0.1,localhost), or --host and --port differ from COURSE_BASE_URL.",
}
