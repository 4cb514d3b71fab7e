"""The configuration, one frozen dataclass a group. This is the only place where a key is defined.

Fields without a default must be given in a YAML file of the group. `metadata` carries what a single
value must satisfy (`choices`, `at_least`, ...); rules across fields are in `rules.py`. Nothing here
imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def among(*allowed: str, default: Any = ...) -> Any:
    """A string field that takes one of `allowed`."""
    extra = {} if default is ... else {"default": default}
    return field(metadata={"choices": allowed}, **extra)


def within(
    low: float | None = None, high: float | None = None, *, above: float | None = None, default: Any = ...
) -> Any:
    """A number field with low <= value <= high, or above < value. None passes where the type allows it."""
    extra = {} if default is ... else {"default": default}
    return field(metadata={"low": low, "high": high, "above": above}, **extra)


@dataclass(frozen=True)
class ModelConfig:
    """A Qwen2 decoder: its shape, where its weights come from, and how prompts are rendered for it."""

    name: str
    architecture: str = among("qwen2")
    path: str | None  # a Hugging Face folder to start from; null: random weights from the run's seed
    tokenizer: str  # "tiny" (built in) or a Hugging Face tokenizer folder
    prompt: str = among("bare", "r1")  # how the bare statement is dressed before the chat template
    num_layers: int = within(1)
    hidden_size: int = within(1)
    ffn_hidden_size: int = within(1)
    num_attention_heads: int = within(1)
    num_key_value_heads: int = within(1)
    head_dim: int = within(1)
    vocab_size: int = within(2)
    max_position_embeddings: int = within(8)
    rope_theta: float = within(above=0.0)
    rms_norm_eps: float = within(above=0.0)
    tie_word_embeddings: bool
    init_std: float = within(above=0.0)
    dtype: str = among("float32", "bfloat16")


@dataclass(frozen=True)
class TrainerLayout:
    """Where the Megatron-Core ranks lie: world size is tensor x pipeline x data."""

    tensor_parallel: int = within(1)
    pipeline_parallel: int = within(1)
    data_parallel: int = within(1)
    sequence_parallel: bool
    threads: int = within(1)  # CPU threads a rank
    tokens_per_microbatch: int = within(1)  # packed tokens; a longer sequence makes a micro-batch of its own


@dataclass(frozen=True)
class EngineLayout:
    """The vLLM engines; each is one Ray actor."""

    engines: int = within(1)
    tensor_parallel: int = within(1)
    threads: int = within(1)
    max_num_seqs: int = within(1)
    kv_cache_gib: float = within(above=0.0)


@dataclass(frozen=True)
class ClusterConfig:
    """Machines, and how ranks, engines and verifier workers are laid on them."""

    name: str
    device: str = among("cpu", "cuda")
    ray_address: str | None  # null: a Ray of our own on this machine, ended with the run
    trainer: TrainerLayout
    engine: EngineLayout
    start_timeout_s: float = within(above=0.0)  # for an actor to answer for the first time
    step_timeout_s: float = within(above=0.0)  # for one call (a training step, a rollout without progress)


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW and its learning-rate schedule over the stage's updates."""

    lr: float = within(above=0.0)
    beta1: float = within(0.0, 0.999999)
    beta2: float = within(0.0, 0.999999)
    eps: float = within(above=0.0)
    weight_decay: float = within(0.0)
    clip_grad: float = within(0.0)  # global norm; 0: not clipped
    schedule: str = among("constant", "trapezoid")  # trapezoid: linear warm-up, flat, linear decay
    warmup_fraction: float = within(0.0, 1.0)
    decay_fraction: float = within(0.0, 1.0)
    min_lr_ratio: float = within(0.0, 1.0)  # learning rate at the end of the decay, as a share of lr


@dataclass(frozen=True)
class HandoffConfig:
    """What a stage takes over from its parent besides the weights."""

    optimizer: str = among("reset", "carry")  # Adam's moments and step count
    lr: str = among("restart", "continue")  # position in the learning-rate schedule


@dataclass(frozen=True)
class StageConfig:
    """One stage of the curriculum. An SFT stage reads `data.sft`; the others sample and verify."""

    domain: str = among("sft", "math", "code")
    parent: str | None  # stage whose checkpoint this one starts from; null: the stage before it in the curriculum
    steps: int = within(1)
    prompts_per_step: int = within(1)  # RL: prompts of one rollout batch; SFT: sequences of one update
    group_size: int  # responses a prompt; 1 for SFT, at least 2 for RL
    updates_per_step: int = within(1)  # SFT: updates of one step, each on new sequences; RL: 1 (strictly on-policy)
    max_response_length: int = within(1)  # tokens
    temperature: float = within(above=0.0)
    top_p: float = within(above=0.0, high=1.0)
    optimizer: OptimizerConfig
    handoff: HandoffConfig


@dataclass(frozen=True)
class CurriculumConfig:
    """Stages by name, in the order in which they run."""

    name: str
    max_prompt_length: int = within(1)  # tokens; a longer prompt is an error, never cut
    stages: dict[str, StageConfig]


@dataclass(frozen=True)
class DataConfig:
    """Where problems come from: written by our generator (`tiny`), or read from files (`jsonl`)."""

    name: str
    kind: str = among("tiny", "jsonl")
    train: str | None  # problem rows (jsonl)
    heldout: str | None  # problem rows; in no training data of any stage (jsonl)
    sft: str | None  # SFT rows (jsonl); needed only where the curriculum has an SFT stage
    seed: int | None  # of the generator (tiny); null: the run's seed
    train_per_domain: int = within(0)  # problems to generate (tiny)
    heldout_per_domain: int = within(0)  # problems to generate (tiny)
    sft_rows: int = within(0)  # teacher responses to generate (tiny)
    sft_code_fraction: float = within(0.0, 1.0)  # share of code among them (tiny)


@dataclass(frozen=True)
class AlgorithmConfig:
    """GRPO as the paper has it: no KL, no entropy term, one update a rollout batch (r = 1)."""

    name: str = among("grpo")
    aggregation: str = among("batch", "group")  # what the token sum is divided by
    advantage_eps: float = within(0.0)  # added to the group's standard deviation


@dataclass(frozen=True)
class RolloutConfig:
    """Sampling, and the checks that trainer and engine hold the same weights."""

    engine: str = among("vllm")
    enforce_eager: bool
    probe_tokens: int = within(2)  # length of the fixed probe scored by engine and trainer after each update
    probe_tolerance: float = within(above=0.0)  # largest |log-probability difference| on the probe
    sync_tolerance: float = within(above=0.0)  # largest |log-probability difference| on sampled tokens


@dataclass(frozen=True)
class VerifierConfig:
    """The pool of verifier processes and the limits of one judgement."""

    workers: int = within(1)
    queue: int = within(1)  # jobs waiting for a worker before `submit` blocks
    math_timeout_s: float = within(above=0.0)
    code_cpu_s: float = within(above=0.0)  # CPU seconds of one test
    code_wall_s: float = within(above=0.0)  # wall seconds of one test
    code_program_s: float = within(above=0.0)  # wall seconds of all tests of one program
    code_memory_mb: int = within(16)
    code_output_kb: int = within(1)
    max_infra_error_share: float = within(0.0, 1.0)  # of a step's verdicts; more stops the run


@dataclass(frozen=True)
class WandbConfig:
    """Weights & Biases, a mirror of metrics.jsonl."""

    mode: str = among("offline", "online", "disabled")
    project: str
    entity: str | None
    group: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True)
class TrackingConfig:
    """What is shown and mirrored. `metrics.jsonl` and the report are always written."""

    live: bool  # the live terminal view where the output is a terminal
    wandb: WandbConfig


@dataclass(frozen=True)
class CheckpointConfig:
    """How often the run is saved and how many checkpoints of a stage are kept."""

    every_steps: int = within(1)
    keep_last: int = within(1)


@dataclass(frozen=True)
class EvalConfig:
    """Held-out evaluation, before and after every stage and inside it."""

    every_steps: int = within(0)  # inside a stage; 0: only before and after
    samples_per_problem: int = within(1)  # k of avg@k, at temperature 1 and top-p 1
    problems_per_domain: int | None = within(1)  # the first n held-out problems of each domain; null: all


@dataclass(frozen=True)
class RolloutsConfig:
    """The recorded rollouts of a run."""

    keep: int | None = within(0)  # newest steps of each stage that are kept; null: all of them


@dataclass(frozen=True)
class TrainConfig:
    """How the loop is fed."""

    replay: str | None  # a run directory whose recorded rollouts replace the engine


@dataclass(frozen=True)
class ResumeConfig:
    """What `acereason resume` insists on."""

    exact: bool  # refuse a layout or thread count other than the interrupted run's


@dataclass(frozen=True)
class TrainRunConfig:
    """Everything that `acereason train` is told."""

    seed: int = within(0)
    name: str | None  # null: from curriculum, model, seed and time
    run_dir: str | None  # null: runs/<name>
    model: ModelConfig
    cluster: ClusterConfig
    curriculum: CurriculumConfig
    data: DataConfig
    algorithm: AlgorithmConfig
    rollout: RolloutConfig
    verifier: VerifierConfig
    tracking: TrackingConfig
    checkpoint: CheckpointConfig
    eval: EvalConfig
    rollouts: RolloutsConfig
    train: TrainConfig
    resume: ResumeConfig


@dataclass(frozen=True)
class GenerateConfig:
    """What `acereason data tiny` is told."""

    seed: int = within(0)
    out: str  # folder that receives train.jsonl, heldout.jsonl and sft.jsonl
    data: DataConfig
